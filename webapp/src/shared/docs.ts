const repository = 'https://github.com/idempotent-requests/idempotent-requests/blob/main';

/** The address of a heading in the description of the HTTP API. */
export function docs(heading: string): string {
  return `${repository}/docs/http-api.md#${heading}`;
}

/** The address of the client library's description. */
export const clientDocs = `${repository}/client/README.md`;
