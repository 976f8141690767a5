/** A way to tell the other tabs, such as a BroadcastChannel. Best effort: what must be known is in the storage. */
export interface Channel {
  /** Sends to every other tab, never to the sender. The message must survive a structured clone. */
  postMessage(message: unknown): void;
  close(): void;
}

/** Opens a BroadcastChannel. Returns undefined if there is none. @param listen told what other tabs send */
export const openChannel = (name: string, listen: (message: unknown) => void): Channel | undefined => {
  if (typeof BroadcastChannel === 'undefined') {
    return undefined;
  }
  const channel: BroadcastChannel & { unref?: () => void } = new BroadcastChannel(name);
  channel.unref?.(); // in Node, where it would keep the process alive
  channel.onmessage = ({ data }) => listen(data);
  return channel;
};
