/** A new version of the page that is installed and waits. */
export interface Update {
  /** Makes it the one that runs, and loads the page anew. Unfinished intents go on after that. */
  readonly apply: () => void;
}

/**
 * Registers the service worker once the page has loaded, for it fetches every file of the page again. Calls back when a
 * new version waits. Without a service worker (an old browser, a private mode) the page works, but needs the network.
 */
export function registerServiceWorker(onUpdate: (update: Update) => void): void {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (container === undefined) {
    return;
  }

  function offer(registration: ServiceWorkerRegistration): void {
    const { waiting } = registration;
    // Without a controller it is the first version, which nobody has to be asked about.
    if (waiting !== null && container?.controller) {
      onUpdate({
        apply: () => {
          container.addEventListener('controllerchange', () => location.reload(), { once: true });
          waiting.postMessage('activate');
        },
      });
    }
  }

  async function register(): Promise<void> {
    const registration = await container?.register(new URL('service-worker.js', document.baseURI));
    if (registration === undefined) {
      return;
    }
    offer(registration);
    registration.addEventListener('updatefound', () => {
      const { installing } = registration;
      installing?.addEventListener('statechange', () => offer(registration));
    });
  }

  const start = () => {
    register().catch(() => {}); // refused, or no network: the page is none the worse
  };
  if (document.readyState === 'complete') {
    start();
  } else {
    window.addEventListener('load', start, { once: true });
  }
}
