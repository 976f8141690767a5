// @vitest-environment node
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
// The server's own vectors: what it accepts and refuses is accepted and refused here, in one canonical form.
import vectors from '../../idempotency/canonicaljson/testdata/vectors.json';
import { parseExactJson } from './exact-json.ts';
import { canonicalJson, toJson } from './intent.ts';

describe('the vectors that the server shares', () => {
  it.each(vectors.accepted)('have one canonical form: $name', ({ input, canonical }) => {
    expect(canonicalJson(parseExactJson(input))).toBe(canonical);
  });

  it.each(vectors.refused)('are refused here as there: $name', ({ input }) => {
    expect(() => parseExactJson(input)).toThrow(SyntaxError);
  });
});

describe('exact JSON', () => {
  it('is every value that JSON writes, if its numbers are safe', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        const text = JSON.stringify(value);
        const unsafe = /\d{17,}|e\+/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, ''));
        fc.pre(!unsafe);
        expect(parseExactJson(text)).toEqual(JSON.parse(text));
        expect(canonicalJson(JSON.parse(text))).toBe(canonicalJson(JSON.parse(toJson(value))));
      }),
      { seed: 20_261_123 },
    );
  });
});
