import type { Exchange } from './exchange.ts';

/** The command that sends a request again from a shell: the same headers, the same body. */
export function curlOf({ url, headers, body }: Pick<Exchange, 'url' | 'headers' | 'body'>): string {
  return [
    `curl -i ${quote(url)}`,
    ...headers.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    `-d ${quote(body)}`,
  ].join(' \\\n  ');
}

/** As one word of a POSIX shell, whatever is in it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
