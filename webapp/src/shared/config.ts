/** What a deployment tells its page, in `config.json` beside `index.html`. */
export interface Config {
  /** Where the API is: a path of this origin or an absolute URL, without a slash at its end. */
  readonly apiUrl: string;
  /** The deployment's name. */
  readonly stage: string;
  /** Whether the API takes `Demo-Fault` headers. */
  readonly demoFaults: boolean;
}

const sameOrigin: Config = { apiUrl: '/api', stage: '', demoFaults: false };

/**
 * Reads `config.json`. The file may be missing or a single-page fallback's HTML, and members may be missing or of the
 * wrong type: whatever can't be read is what a same-origin deployment has. A file that is late is waited for: a page that
 * went on without it would say what is not true of its deployment.
 */
export async function loadConfig(base: string = document.baseURI): Promise<Config> {
  try {
    const response = await fetch(new URL('config.json', base));
    if (!response.ok) {
      return sameOrigin;
    }
    const { apiUrl, stage, demoFaults } = (await response.json()) as Partial<Record<keyof Config, unknown>>;
    return {
      apiUrl: typeof apiUrl === 'string' && apiUrl !== '' ? apiUrl.replace(/\/+$/, '') : sameOrigin.apiUrl,
      stage: typeof stage === 'string' ? stage : sameOrigin.stage,
      demoFaults: demoFaults === true,
    };
  } catch {
    return sameOrigin;
  }
}
