import { describe, expect, it, vi } from 'vitest';
import { createSessionStore } from './session.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('a session', () => {
  it('is a random UUID with nothing counted', () => {
    const session = createSessionStore().get();
    expect(session.id).toMatch(uuid);
    expect(session.requestsSent).toBe(0);
  });

  it('outlives a reload, count included', () => {
    const before = createSessionStore();
    before.countRequest();
    expect(createSessionStore().get()).toEqual({ id: before.get().id, requestsSent: 1 });
  });

  it('starts over when asked', () => {
    const sessions = createSessionStore();
    sessions.countRequest();
    const { id } = sessions.get();
    sessions.renew();
    expect(sessions.get().id).not.toBe(id);
    expect(sessions.get().requestsSent).toBe(0);
  });

  it('counts what other tabs send, too', () => {
    const [here, there] = [createSessionStore(), createSessionStore()];
    there.countRequest();
    here.countRequest();
    expect(here.get().requestsSent).toBe(2);
  });

  it('follows another tab', () => {
    const sessions = createSessionStore();
    const onChange = vi.fn();
    sessions.subscribe(onChange);
    const other = { id: crypto.randomUUID(), requestsSent: 5 };
    localStorage.setItem('idempotent-requests.session', JSON.stringify(other));
    window.dispatchEvent(new StorageEvent('storage', { key: 'idempotent-requests.session' }));
    expect(onChange).toHaveBeenCalledOnce();
    expect(sessions.get()).toEqual(other);
  });

  it('is the same object until it changes, and tells nobody who has left', () => {
    const sessions = createSessionStore();
    expect(sessions.get()).toBe(sessions.get());
    const onChange = vi.fn();
    sessions.subscribe(onChange)();
    sessions.countRequest();
    expect(onChange).not.toHaveBeenCalled();
  });

  it.each(['', '{', 'null', '{"id":1,"requestsSent":0}', '{"id":"x"}'])('is made anew where %o is stored', (stored) => {
    localStorage.setItem('idempotent-requests.session', stored);
    expect(createSessionStore().get().id).toMatch(uuid);
  });

  it('lives in memory where storage is refused', () => {
    const refuse = () => {
      throw new DOMException('denied', 'SecurityError');
    };
    vi.stubGlobal('localStorage', { getItem: refuse, setItem: refuse, clear: () => {} });
    const sessions = createSessionStore();
    sessions.countRequest();
    expect(sessions.get().requestsSent).toBe(1);
  });
});
