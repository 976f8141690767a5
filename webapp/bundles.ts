import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin, type ResolvedConfig } from 'vite';
import type { ShellManifest } from './src/offline/shell.ts';

/**
 * Builds, after the page, what is asked for by its own name and so stands alone: the client library as
 * `idempotency.js`, for the console and for other pages, and `service-worker.js`, which knows the page's files.
 */
export function bundles(): Plugin {
  let config: ResolvedConfig;

  async function bundle(entry: string, fileName: string, format: 'es' | 'iife', define: Record<string, string>) {
    await build({
      configFile: false,
      root: config.root,
      publicDir: false,
      logLevel: 'warn',
      define,
      build: {
        outDir: config.build.outDir,
        emptyOutDir: false,
        copyPublicDir: false,
        rolldownOptions: {
          input: entry,
          preserveEntrySignatures: 'strict',
          output: { format, entryFileNames: fileName },
        },
      },
    });
  }

  return {
    name: 'bundles',
    apply: 'build',
    configResolved: (resolved) => {
      config = resolved;
    },
    closeBundle: async () => {
      await bundle(fileURLToPath(import.meta.resolve('idempotent-requests')), 'idempotency.js', 'es', {});
      const shell = manifest(resolve(config.root, config.build.outDir));
      await bundle('src/offline/worker.ts', 'service-worker.js', 'iife', { SHELL: JSON.stringify(shell) });
    },
  };
}

/** Every file of the page but the icons that only an installation needs. */
function manifest(folder: string): ShellManifest {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => resolve(file.parentPath, file.name))
    .map((path) => ({ url: path.slice(folder.length + 1), integrity: `sha256-${sha256(readFileSync(path))}` }))
    .filter(({ url }) => !url.startsWith('icons/'))
    .sort((a, b) => (a.url < b.url ? -1 : 1));
  return { version: sha256(JSON.stringify(files)), files };
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('base64');
}
