import { accessSync, constants } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { build } from 'vite';

/** Starts the Chromium that CHROMIUM_PATH names, or one on the PATH. @throws if there is none */
export function launch(): Promise<Browser> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const commands = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
  const found = [
    process.env.CHROMIUM_PATH ?? '',
    ...commands.flatMap((command) => folders.map((folder) => join(folder, command))),
  ].find(isExecutable);
  return chromium.launch({
    executablePath: found ?? chromium.executablePath(),
    args: [
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      // A name that is no localhost, so that a page of it is no secure context.
      '--host-resolver-rules=MAP insecure.test 127.0.0.1',
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== '';
  } catch {
    return false;
  }
}

/** The whole library as one minified script, with the names of its classes and functions lost. */
export async function bundle(entry: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('..', import.meta.url)),
    build: {
      write: false,
      minify: true,
      rolldownOptions: {
        input: fileURLToPath(new URL(entry, import.meta.url)),
        preserveEntrySignatures: 'strict',
        output: { format: 'es' },
      },
    },
  });
  const [output] = Array.isArray(built) ? built : [built];
  if (output === undefined || !('output' in output)) {
    throw new Error('nothing was built');
  }
  return output.output[0].code;
}

/** A request that has come. */
export interface Call {
  readonly key: string;
  readonly body: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

/** Answers a call; `undefined` lets it hang. */
export type Script = (call: Call, count: number) => Answer | undefined | Promise<Answer | undefined>;

export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/**
 * A server that answers calls below /api by a script, and serves an empty page and the library. It keeps no records: a
 * key that comes twice has been sent twice.
 */
export class Origin {
  readonly calls: Call[] = [];
  script: Script = () => paid;
  private waiting: ((call: Call) => void)[] = [];
  private readonly server = createServer((request, response) => void this.handle(request, response));
  private readonly files: Readonly<Record<string, string>>;

  constructor(files: Readonly<Record<string, string>>) {
    this.files = files;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  url(host = '127.0.0.1'): string {
    return `http://${host}:${(this.server.address() as AddressInfo).port}`;
  }

  /** The keys that have come, each once. */
  keys(): string[] {
    return [...new Set(this.calls.map(({ key }) => key))];
  }

  /** The next call, once it has come: a page's request has left before that. */
  next(): Promise<Call> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const file = this.files[path];
    if (file !== undefined) {
      const type = path.endsWith('.js') ? 'text/javascript' : 'text/html';
      // Allowed to all, for frames that have no origin.
      response.writeHead(200, { 'Content-Type': type, 'Access-Control-Allow-Origin': '*' }).end(file);
      return;
    }
    if (!path.startsWith('/api')) {
      response.writeHead(404).end(); // an icon that the browser looks for
      return;
    }
    const cors = {
      'Access-Control-Allow-Origin': headers.origin ?? '*',
      'Access-Control-Allow-Headers': 'idempotency-key, content-type, authorization',
      'Access-Control-Expose-Headers': 'Date, Idempotency-Expires, Idempotent-Replayed, Retry-After',
    };
    if (method === 'OPTIONS' || method === 'HEAD') {
      response.writeHead(204, cors).end();
      return;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    const key = String(headers['idempotency-key']);
    const call = { key, body: Buffer.concat(chunks).toString(), method, path, headers };
    this.calls.push(call);
    for (const resolve of this.waiting.splice(0)) {
      resolve(call);
    }
    const answer = await this.script(call, this.calls.length);
    if (answer) {
      response.writeHead(answer.status, { 'Content-Type': 'application/json', ...cors, ...answer.headers });
      response.end(answer.body ?? '{}');
    }
  }
}

/** A payment that was made, with a window of a day by the server's clock. */
export const paid: Answer = {
  status: 201,
  headers: {},
  body: '{"id":"p-1"}',
};
