import type { Submission } from '../../shared/submission.ts';

/** The command that sends a submission again from a shell: the same key, the same payload. */
export function toCurl({ url, body, key }: Submission, sessionId: string): string {
  const headers = [
    'Content-Type: application/json',
    `Demo-Session: ${sessionId}`,
    ...(key === undefined ? [] : [`Idempotency-Key: ${key}`]),
  ];
  return [
    `curl -i ${quote(url)}`,
    ...headers.map((header) => `-H ${quote(header)}`),
    `-d ${quote(JSON.stringify(body))}`,
  ].join(' \\\n  ');
}

/** As one word of a POSIX shell, whatever is in it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
