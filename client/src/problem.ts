/** A problem document, RFC 9457. Extension members are kept as they came. */
export interface Problem {
  /** A URI that names the kind of problem. `about:blank`: no more is known than the status. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly instance?: string;
  readonly [extension: string]: unknown;
}

/** Whether the problem's type ends in the fragment `#slug`. */
export function isProblem(problem: Problem, slug: string): boolean {
  return problem.type.endsWith(`#${slug}`);
}

/**
 * Reads an error answer. One without a usable problem document becomes `about:blank`, as RFC 9457 §4.2.1 says, so that
 * a proxy's HTML page and the API's own errors are handled alike.
 */
export function readProblem(status: number, contentType: string | null, body: Uint8Array): Problem {
  const blank = { type: 'about:blank', title: `The server answered ${status}`, status };
  if (contentType?.split(';')[0]?.trim().toLowerCase() !== 'application/problem+json') {
    return blank;
  }
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof document !== 'object' || document === null) {
      return blank;
    }
    const { type, title } = document as Record<string, unknown>;
    return {
      ...document,
      type: typeof type === 'string' ? type : blank.type,
      title: typeof title === 'string' ? title : blank.title,
      // The status line is what happened; the member is advisory (RFC 9457 §3.1.2).
      status,
    };
  } catch {
    return blank;
  }
}
