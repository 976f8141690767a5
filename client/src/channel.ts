/** A way to tell the other tabs. Best effort: what must be known is in the storage. */
export interface Channel {
  /** Sends to every other tab, never to the sender. The message must survive a structured clone. */
  post(message: unknown): void;
  /** Must be called once at most. */
  listen(listener: (message: unknown) => void): void;
  close(): void;
}

/** Opens a BroadcastChannel, or if there is none a channel to nobody. */
export function openChannel(name: string): Channel {
  if (typeof BroadcastChannel === 'undefined') {
    return { post: () => {}, listen: () => {}, close: () => {} };
  }
  const channel: BroadcastChannel & { unref?: () => void } = new BroadcastChannel(name);
  channel.unref?.(); // in Node, where it would keep the process alive
  return {
    post: (message) => channel.postMessage(message),
    listen: (listener) => {
      channel.onmessage = ({ data }) => listener(data);
    },
    close: () => channel.close(),
  };
}
