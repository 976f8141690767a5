import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { bundles } from './bundles.ts';
import { withSite } from './src/app/link-preview.ts';

/** Where `make run` serves the local stack unless told otherwise. */
const localStack = process.env.LOCAL_STACK ?? 'http://localhost:8787';

export default defineConfig({
  // Relative asset paths: the same build works at any path of any origin.
  base: './',
  plugins: [
    react(),
    bundles(),
    { name: 'link-preview', transformIndexHtml: (html) => withSite(html, process.env.SITE_URL) },
  ],
  // The client is linked from beside the page, and brings no React of its own.
  resolve: { dedupe: ['react', 'react-dom'] },
  build: {
    // Everything stays a file of its own, because the page's policy allows no `data:` scripts or styles.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': localStack, '/config.json': localStack },
  },
  preview: { host: '127.0.0.1' },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
    // Generous, because a busy machine is no failure.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    css: false,
  },
});
