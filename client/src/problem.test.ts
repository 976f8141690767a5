// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { isProblem, readProblem } from './problem.ts';

const media = 'application/problem+json';
const read = (status: number, type: string | null, text: string) =>
  readProblem({
    status,
    headers: new Headers(type === null ? {} : { 'Content-Type': type }),
    body: new TextEncoder().encode(text),
  });

describe('readProblem', () => {
  it('keeps every member, extensions included', () => {
    const body = '{"type":"https://e.example/p#x","title":"T","detail":"D","errors":[{"field":"a"}]}';
    expect(read(422, `${media}; charset=utf-8`, body)).toEqual({
      type: 'https://e.example/p#x',
      title: 'T',
      status: 422,
      detail: 'D',
      errors: [{ field: 'a' }],
    });
  });

  it('believes the status line rather than the member', () => {
    expect(read(503, media, '{"status":200}').status).toBe(503);
  });

  it.each([
    ['another media type', 'text/html', '<h1>Bad gateway</h1>'],
    ['no media type', null, '{"type":"x"}'],
    ['broken JSON', media, '{"type":'],
    ['JSON that is no object', media, 'null'],
    ['members of the wrong type', media, '{"type":1,"title":[]}'],
  ])('makes about:blank of %s', (_, type, body) => {
    expect(read(502, type, body)).toMatchObject({
      type: 'about:blank',
      title: 'The server answered 502',
      status: 502,
    });
  });
});

describe('isProblem', () => {
  it.each([
    ['https://e.example/docs#in-progress', true],
    ['https://e.example/docs#not-in-progress', false],
    ['in-progress', false],
  ])('%s: %s', (type, expected) => {
    expect(isProblem({ type, title: '', status: 409 }, 'in-progress')).toBe(expected);
  });
});
