import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';

/** The key is also read by public/color-scheme.js. */
const colorSchemeManager = localStorageColorSchemeManager({ key: 'idempotent-requests.color-scheme' });

/** What every part of the page relies on: Mantine and the query cache. */
export function Providers({ children }: { children: ReactNode }) {
  const [queries] = useState(createQueryClient);
  return (
    <QueryClientProvider client={queries}>
      {/* Both switches keep Mantine from adding <style> elements, which style-src 'self' refuses; theme.css stands in. */}
      <MantineProvider
        defaultColorScheme="auto"
        colorSchemeManager={colorSchemeManager}
        withCssVariables={false}
        withGlobalClasses={false}
        theme={{ respectReducedMotion: true }}
      >
        {children}
      </MantineProvider>
    </QueryClientProvider>
  );
}

function createQueryClient(): QueryClient {
  return new QueryClient({
    // Without a network a query fails at once and says so, instead of waiting in silence.
    defaultOptions: { queries: { retry: 1, networkMode: 'always', refetchOnReconnect: true } },
  });
}
