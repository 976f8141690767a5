import { render, screen } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { registerServiceWorker, type Update } from './register.ts';
import { UpdateNotice } from './update-notice.tsx';

/** A browser's service workers, of which the test decides. */
function stubContainer(controller: object | null) {
  const worker = Object.assign(new EventTarget(), { postMessage: vi.fn() });
  const registration = Object.assign(new EventTarget(), {
    waiting: null as typeof worker | null,
    installing: null as typeof worker | null,
  });
  const container = Object.assign(new EventTarget(), { controller, register: vi.fn(async (_: URL) => registration) });
  vi.stubGlobal('navigator', { serviceWorker: container });
  return {
    container,
    worker,
    find: () => {
      registration.installing = worker;
      registration.dispatchEvent(new Event('updatefound'));
      registration.installing = null;
      registration.waiting = worker;
      worker.dispatchEvent(new Event('statechange'));
    },
  };
}

async function registered(onUpdate: (update: Update) => void, { container }: ReturnType<typeof stubContainer>) {
  registerServiceWorker(onUpdate);
  await vi.waitFor(() => expect(container.register).toHaveBeenCalled(), { timeout: 60_000 });
  await Promise.resolve();
}

describe('the service worker', () => {
  it('is registered beside the page', async () => {
    const browser = stubContainer(null);
    await registered(() => {}, browser);
    expect(browser.container.register.mock.calls[0]?.[0].href).toBe(
      new URL('service-worker.js', document.baseURI).href,
    );
  });

  it('offers a new version, and takes it over only when asked to', async () => {
    const browser = stubContainer({});
    const onUpdate = vi.fn<(update: Update) => void>();
    await registered(onUpdate, browser);
    browser.find();
    expect(onUpdate).toHaveBeenCalledOnce();
    expect(browser.worker.postMessage).not.toHaveBeenCalled();
    onUpdate.mock.calls[0]?.[0].apply();
    expect(browser.worker.postMessage).toHaveBeenCalledWith('activate');
  });

  it('asks nobody about the first version', async () => {
    const browser = stubContainer(null);
    const onUpdate = vi.fn();
    await registered(onUpdate, browser);
    browser.find();
    expect(onUpdate).not.toHaveBeenCalled();
  });

  it('is done without where there is none', () => {
    vi.stubGlobal('navigator', {});
    registerServiceWorker(() => {});
  });
});

describe('the notice of a new version', () => {
  const show = () => {
    const apply = vi.fn();
    render(<UpdateNotice register={(onUpdate) => onUpdate({ apply })} />);
    return apply;
  };

  it('is not there without one', () => {
    render(<UpdateNotice register={() => {}} />);
    expect(screen.getByRole('status')).toBeEmptyDOMElement();
  });

  it('reloads when a person says so', async () => {
    const apply = show();
    expect(screen.getByRole('status')).toHaveTextContent('new version');
    await userEvent.click(screen.getByRole('button', { name: 'Reload' }));
    expect(apply).toHaveBeenCalledOnce();
  });

  it('goes when a person wants it later', async () => {
    const apply = show();
    await userEvent.click(screen.getByRole('button', { name: 'Later' }));
    expect(screen.getByRole('status')).toBeEmptyDOMElement();
    expect(apply).not.toHaveBeenCalled();
  });
});
