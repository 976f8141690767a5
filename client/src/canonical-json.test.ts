import canonicalize from 'canonicalize';
import { describe, expect, it } from 'vitest';
// The server's own vectors: what it accepts has one canonical form, there and here.
import vectors from '../../idempotency/canonicaljson/testdata/vectors.json';

describe('canonical JSON', () => {
  it.each(vectors.accepted)('is the same here as on the server: $name', ({ input, canonical }) => {
    expect(canonicalize(JSON.parse(input))).toBe(canonical);
  });

  // A client never holds such a text: what it sends was made by JSON.stringify of a value. These are what JSON.parse
  // lets pass all the same, by losing something that the server insists on.
  const lossy = vectors.refused.filter(({ input }) => {
    try {
      JSON.parse(input);
      return true;
    } catch {
      return false;
    }
  });

  it('is stricter on the server than JSON.parse is here', () => {
    expect(lossy.map(({ name }) => name)).toEqual([
      'a duplicate name',
      'a duplicate name, escaped once',
      'a duplicate name, nested',
      'an integer beyond 2^53-1',
      'a negative integer beyond 2^53-1',
      'the same as a fraction',
      'the same by exponent',
      'beyond a double',
      'a decimal that a double rounds to 1',
      'another that is rounded to 1',
      'a decimal that a double rounds in its last place',
      'a decimal that a double rounds to an integer',
      'a decimal with a digit more than its double needs',
      'all digits of the double nearest to 0.1',
      'a number too small for a double',
      'a number that the smallest double rounds',
      'a number too small for a double, as a fraction',
      'an exponent beyond all bounds',
      'a rounded decimal among others',
      'a lone high surrogate',
      'a lone low surrogate',
    ]);
  });
});
