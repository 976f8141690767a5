import { parseJson, type ReadResponse } from './response.ts';

/** A problem document, RFC 9457. Extension members are kept as they came. */
export interface Problem {
  /** A URI that names the kind of problem; `about:blank` if no more is known than the status. */
  readonly type: string;
  readonly title: string;
  /** The status of the response; 0 for a redirect, which is not followed. */
  readonly status: number;
  readonly detail?: string;
  readonly instance?: string;
  readonly [extension: string]: unknown;
}

/** Reports whether the problem's type ends in the fragment `#slug`. */
export const isProblem = (problem: Problem, slug: string): boolean => problem.type.endsWith(`#${slug}`);

/**
 * Reads the problem from an error response. A response without a usable problem document becomes `about:blank` (RFC 9457
 * §4.2.1), so that a proxy's HTML page and the API's own errors are handled alike.
 */
export const readProblem = ({ status, headers, body }: ReadResponse): Problem => {
  const blank = {
    type: 'about:blank',
    title: status === 0 ? 'The server redirects' : `The server answered ${status}`,
    status,
  };
  if (!/^application\/problem\+json\s*(;|$)/i.test(headers.get('Content-Type') ?? '')) {
    return blank;
  }
  try {
    const { type, title, ...members } = parseJson(body);
    return {
      ...members,
      type: typeof type === 'string' ? type : blank.type,
      title: typeof title === 'string' ? title : blank.title,
      // The status line is what happened; the member is advisory (RFC 9457 §3.1.2).
      status,
    };
  } catch {
    return blank;
  }
};
