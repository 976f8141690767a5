const repository = 'https://github.com/idempotent-requests/idempotent-requests/blob/main';

/** The address of a heading in the description of the HTTP API. */
export function docs(heading: string): string {
  return `${repository}/docs/http-api.md#${heading}`;
}

/** The address of the description of a problem with which the idempotency middleware refuses requests. */
export function problemDocs(name: string): string {
  return `${repository}/docs/problems.md#${name}`;
}

/** The address of the client library's description. */
export const clientDocs = `${repository}/client/README.md`;
