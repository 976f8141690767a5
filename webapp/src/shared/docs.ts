const repository = 'https://github.com/idempotent-requests/idempotent-requests';
const files = `${repository}/blob/main`;

/** The address of a heading in the description of the HTTP API. */
export function docs(heading: string): string {
  return `${files}/docs/http-api.md#${heading}`;
}

/** The address of the client library's description. */
export const clientDocs = `${files}/client/README.md`;

/** Where the documents begin. */
export const docsHome = `${repository}#readme`;

/** The documents, for the footer. */
export const documents: readonly { readonly name: string; readonly href: string }[] = [
  { name: 'HTTP API', href: `${files}/docs/http-api.md` },
  { name: 'Patterns', href: `${files}/docs/patterns.md` },
  { name: 'Guarantees', href: `${files}/docs/guarantees.md` },
  { name: 'Architecture', href: `${files}/docs/architecture.md` },
  { name: 'Performance', href: `${files}/docs/performance.md` },
  { name: 'Client', href: clientDocs },
  { name: 'Source', href: repository },
];
