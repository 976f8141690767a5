/**
 * Makes the address of the picture that goes with a link absolute: who fetches it for a chat or a feed knows no base.
 *
 * @param html the page, with `./preview.png` in its `og:image`
 * @param site where it will be served, with its path; undefined if that is not known: the address then stays relative
 * @throws {TypeError} if the site is no address of the web
 */
export function withSite(html: string, site: string | undefined): string {
  if (!site) {
    return html;
  }
  if (!/^https?:\/\//.test(site)) {
    throw new TypeError(`SITE_URL is ${site}: it has to begin with https://`);
  }
  const base = site.endsWith('/') ? site : `${site}/`;
  return html
    .replace('content="./preview.png"', `content="${new URL('preview.png', base)}"`)
    .replace(
      '<meta property="og:type"',
      `<meta property="og:url" content="${new URL(base)}" />\n    <meta property="og:type"`,
    );
}
