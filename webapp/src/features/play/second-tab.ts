import type { Sighting } from '../../model/sightings.ts';
import type { Config } from '../../shared/config.ts';
import { pathOf } from '../../shared/operation.ts';
import type { Operation } from '../../shared/submission.ts';
import { createLaneWork, preciseNow } from './lane-work.ts';

const parameter = 'second';
/** How long the second tab shows what has happened before it closes itself, in milliseconds. */
const farewell = 1_500;

/** What the second tab is asked to do for one lane. */
export interface SecondAsk {
  readonly lane: number;
  readonly session: string;
  readonly keyed: boolean;
  readonly operation: Operation;
  readonly body: Readonly<Record<string, unknown>>;
}

type Message =
  | { readonly type: 'hello' }
  | { readonly type: 'ask'; readonly ask: SecondAsk }
  | { readonly type: 'saw'; readonly lane: number; readonly sighting: Sighting; readonly epoch: number }
  | { readonly type: 'done'; readonly lane: number };

function channelOf(run: string): BroadcastChannel {
  return new BroadcastChannel(`idempotent-requests/second-tab/${run}`);
}

/** The first tab's end of a run that is played in two. */
export interface SecondTab {
  /** Whether the browser let it open. */
  readonly opened: boolean;
  /** Resolves once it has done what it was asked. @param onSight called with everything that it saw */
  readonly ask: (ask: SecondAsk, onSight: (sighting: Sighting, epoch: number) => void) => Promise<void>;
  readonly close: () => void;
}

/** Opens the page in a second window. To be called in the press itself: browsers let nothing later open one. */
export function openSecondTab(scenario: string, run: string): SecondTab {
  const address = new URL(location.href);
  address.search = '';
  address.hash = '';
  address.searchParams.set('scenario', scenario);
  address.searchParams.set(parameter, run);
  const opened = window.open(address, '_blank', 'popup,width=480,height=680');
  const channel = channelOf(run);
  const post = (message: Message) => channel.postMessage(message);
  let here: () => void = () => {};
  const arrived = new Promise<void>((resolve) => {
    here = resolve;
  });
  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.type === 'hello') {
      here();
    }
  });
  return {
    opened: opened !== null,
    ask: async (ask, onSight) => {
      await arrived;
      await new Promise<void>((resolve) => {
        channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
          if (data.type === 'saw' && data.lane === ask.lane) {
            onSight(data.sighting, data.epoch);
          } else if (data.type === 'done' && data.lane === ask.lane) {
            resolve();
          }
        });
        post({ type: 'ask', ask });
      });
    },
    close: () => {
      channel.close();
      opened?.close();
    },
  };
}

/** The run for which this page is the second tab, if it is. */
export function secondTabOf(): string | undefined {
  return new URLSearchParams(location.search).get(parameter) ?? undefined;
}

/** In the second tab: does what the first asks, tells it what it saw, and closes itself. */
export function beSecondTab(run: string, config: Config): void {
  const channel = channelOf(run);
  const post = (message: Message) => channel.postMessage(message);
  let open = 0;
  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.type !== 'ask') {
      return;
    }
    open += 1;
    const tell = (sighting: Sighting, epoch: number) => post({ type: 'saw', lane: data.ask.lane, sighting, epoch });
    doAsAsked(data.ask, config, tell)
      .catch((error) => console.warn('the second tab could not do as it was asked:', error))
      .finally(() => {
        post({ type: 'done', lane: data.ask.lane });
        open -= 1;
        if (open === 0) {
          setTimeout(() => window.close(), farewell);
        }
      });
  });
  post({ type: 'hello' });
}

async function doAsAsked(
  { session, keyed, operation, body }: SecondAsk,
  config: Config,
  tell: (sighting: Sighting, epoch: number) => void,
): Promise<void> {
  let told = 0;
  const startedAt = preciseNow();
  const work = createLaneWork(
    config,
    () => {
      for (const sighting of work.sightings().slice(told)) {
        told += 1;
        tell(sighting, startedAt + sighting.t);
      }
    },
    { session, startedAt, sightings: [], pressed: [], unplugged: false },
  );
  const req = work.press('tab');
  if (!keyed) {
    const { submit } = await work.intend({ operation, body, keyed });
    await submit({ why: 'tab', req });
    return;
  }
  const { client } = work;
  const request = { url: new URL(config.apiUrl + pathOf(operation), location.href).href, body };
  const known = (await client.entries()).find(({ state }) => state !== 'succeeded' && state !== 'failed');
  if (known !== undefined) {
    work.note({ kind: 'joined', from: 'client', req, key: known.intent.key.slice(0, 4) });
  }
  const outcome = await client.submit(request).catch(() => undefined);
  if (outcome?.source === 'client-cache') {
    work.note({ kind: known === undefined ? 'cached' : 'shared', from: 'client', req });
  }
  client.close();
}
