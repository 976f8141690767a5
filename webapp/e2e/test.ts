import AxeBuilder from '@axe-core/playwright';
import { test as base, expect, type Page } from '@playwright/test';

export { expect };

/**
 * A test whose page must not complain: console errors, uncaught exceptions and violations of the
 * Content-Security-Policy fail it. A test that provokes error answers says which statuses it expects, and one that cuts
 * the network says so, because Chromium logs those.
 */
export const test = base.extend<{ expectedStatuses: readonly number[]; cutsNetwork: boolean; quiet: undefined }>({
  expectedStatuses: [[], { option: true }],
  cutsNetwork: [false, { option: true }],
  quiet: [
    async ({ page, expectedStatuses, cutsNetwork }, use) => {
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
      page.on('console', (message) => {
        const expected =
          expectedStatuses.some((status) => message.text().includes(`status of ${status}`)) ||
          (cutsNetwork && message.text().includes('net::ERR_INTERNET_DISCONNECTED'));
        if (['error', 'warning'].includes(message.type()) && !expected) {
          complaints.push(`${message.type()}: ${message.text()}`);
        }
      });
      await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
          console.error(`policy violated: ${violatedDirective} by ${blockedURI}`);
        });
      });
      await use(undefined);
      expect(complaints, 'complaints of the page').toEqual([]);
    },
    { auto: true },
  ],
});

/** Holds the page against axe's rules. */
export async function expectAccessible(page: Page): Promise<void> {
  // The quicker of axe's two ways, which is the one for pages without frames.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
}

/** Holds the page against the width of a screen: nothing of it is to be scrolled to. */
export async function expectToFit(page: Page, width: number): Promise<void> {
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
}

/** How much of the page has moved by itself since it was opened: the cumulative layout shift, all windows added up. */
export function layoutShift(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        type LayoutShift = PerformanceEntry & { readonly hadRecentInput: boolean; readonly value: number };
        new PerformanceObserver((list) => {
          const own = (list.getEntries() as LayoutShift[]).filter(({ hadRecentInput }) => !hadRecentInput);
          resolve(own.reduce((sum, { value }) => sum + value, 0));
        }).observe({ type: 'layout-shift', buffered: true });
        // Without an entry the observer never calls back.
        setTimeout(() => resolve(0), 500);
      }),
  );
}

interface Activity {
  readonly executions: readonly { readonly operation: string; readonly keyHash?: string }[];
  readonly effects: readonly { readonly operation: string }[];
}

/** What a person sees and presses. */
export class DemoPage {
  readonly page: Page;
  readonly submit;
  readonly asNew;
  readonly resend;
  readonly guard;

  constructor(page: Page) {
    this.page = page;
    this.submit = page.getByRole('button', { name: 'Submit', exact: true });
    this.asNew = page.getByRole('button', { name: 'Submit as new' });
    this.resend = page.getByRole('button', { name: 'Resend' });
    this.guard = page.getByRole('switch', { name: 'Idempotency' });
  }

  /** A field of the form. */
  field(name: string) {
    return this.page.getByLabel(name, { exact: true });
  }

  /** The results so far, newest first. */
  get results() {
    return this.page.getByRole('list', { name: 'Results, newest first' }).getByRole('listitem');
  }

  /** The id of what the newest result created. */
  get newestResource() {
    return this.results.first().getByRole('definition').last();
  }

  /** A scenario, by its title. */
  scenario(title: string) {
    return this.page.getByRole('listitem').filter({ has: this.page.getByRole('heading', { name: title, level: 3 }) });
  }

  /** Plays a scenario, by one click. */
  async play(title: string, way: string) {
    await this.scenario(title).getByRole('button', { name: way, exact: true }).click();
  }

  /** One of the two ways on the stage, and what came of it. */
  way(name: string) {
    return this.page.getByRole('article', { name, exact: true });
  }

  /** The intents that the client has stored, newest first. */
  get stored() {
    return this.page.getByRole('list', { name: 'Stored intents, newest first' }).getByRole('listitem');
  }

  /** A part of the page, by its title. */
  region(title: string) {
    return this.page.getByRole('region', { name: title, exact: true });
  }

  /** What just happened. */
  get story() {
    return this.page.getByRole('region', { name: 'What just happened' });
  }

  /** The swimlanes, oldest first. */
  get lanes() {
    return this.page.getByRole('list', { name: 'Requests, oldest first' }).getByRole('listitem');
  }

  /** The record behind the selected request. */
  get record() {
    return this.page.getByRole('region', { name: 'Record' });
  }

  /** The rows of the ledger, newest first. */
  get ledger() {
    return this.page.getByRole('list', { name: 'Effects, newest first' }).getByRole('listitem');
  }

  /** What the server says has happened in the page's session. */
  async activity(): Promise<Activity> {
    const session = await this.page.evaluate(() => JSON.parse(localStorage['idempotent-requests.session']).id);
    const response = await this.page.request.get('./api/executions', { headers: { 'Demo-Session': session } });
    return response.json();
  }

  /** Waits until the three large numbers are these. */
  async expectEvidence(numbers: { requests: number; executions: number; effects: number }) {
    for (const [name, value] of [
      ['Requests sent', numbers.requests],
      ['Handler executions', numbers.executions],
      ['Effects', numbers.effects],
    ] as const) {
      const figure = this.page.locator('dl > div').filter({ has: this.page.getByText(name, { exact: true }) });
      await expect(figure.getByRole('definition').first(), name).toHaveText(String(value));
    }
  }
}
