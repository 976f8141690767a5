import { expect, it } from 'vitest';
import page from '../../index.html?raw';
import { withSite } from './link-preview.ts';

const contentOf = (html: string, property: string) =>
  new DOMParser()
    .parseFromString(html, 'text/html')
    .querySelector(`meta[property="${property}"]`)
    ?.getAttribute('content');

it.each(['https://pay.example.com/demo/', 'https://pay.example.com/demo'])(
  'the picture of a link has an absolute address at %s',
  (site) => {
    const html = withSite(page, site);
    expect(contentOf(html, 'og:image')).toBe('https://pay.example.com/demo/preview.png');
    expect(contentOf(html, 'og:url')).toBe('https://pay.example.com/demo/');
  },
);

it('is relative where the site is not known', () => {
  expect(withSite(page, undefined)).toBe(page);
  expect(withSite(page, '')).toBe(page);
  expect(contentOf(page, 'og:image')).toBe('./preview.png');
});

it('refuses what is no address', () => {
  expect(() => withSite(page, 'pay.example.com')).toThrow('has to begin with https://');
});
