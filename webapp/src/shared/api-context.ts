import { createContext, useContext } from 'react';
import type { Api } from './api.ts';

const ApiContext = createContext<Api | undefined>(undefined);

/** Gives the API to everything below. */
export const ApiProvider = ApiContext.Provider;

/** The API of the current session. @throws Error outside an `ApiProvider` */
export function useApi(): Api {
  const api = useContext(ApiContext);
  if (api === undefined) {
    throw new Error('useApi needs an ApiProvider above it');
  }
  return api;
}
