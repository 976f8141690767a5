import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';

/** What the playground relies on: Mantine and the query cache. @param dark whether the page is dark now */
export function Providers({ dark, children }: { dark: boolean; children: ReactNode }) {
  const [queries] = useState(createQueryClient);
  return (
    <QueryClientProvider client={queries}>
      {/* Both switches keep Mantine from adding <style> elements, which style-src 'self' refuses; theme.css stands in. */}
      <MantineProvider
        forceColorScheme={dark ? 'dark' : 'light'}
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
