import AxeBuilder from '@axe-core/playwright';
import { test as base, expect, type Page } from '@playwright/test';

export { expect };

/**
 * Whether times are held against their budgets, as `make measure-page` has it. Otherwise they are only reported: how fast
 * a machine is, and what else it does, is no failure of the page.
 */
export const measuring = process.env.MEASURE !== undefined;

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
          (cutsNetwork && message.text().includes('net::ERR_INTERNET_DISCONNECTED')) ||
          // A page on http:// in a LAN is told that this header is for secure contexts.
          (page.url().startsWith('http://insecure.test') && message.text().includes('Cross-Origin-Opener-Policy'));
        if (['error', 'warning'].includes(message.type()) && !expected) {
          complaints.push(`${message.type()}: ${message.text()}`);
        }
      });
      await page.addInitScript(() => {
        const shifts: PerformanceEntry[] = [];
        const observer = new PerformanceObserver((list) => shifts.push(...list.getEntries()));
        observer.observe({ type: 'layout-shift', buffered: true });
        Object.assign(window, { takeShifts: () => [...shifts, ...observer.takeRecords()] });
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
  // Views come in parts of their own: only what is there can be judged.
  await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible();
  // The quicker of axe's two ways, which is the one for pages without frames.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
}

/** Holds the page against the width of a screen: nothing of it is to be scrolled to. */
export async function expectToFit(page: Page, width: number): Promise<void> {
  const scrollWidth = await page.evaluate(() => {
    // Laid out anew: after a change of its width the browser still counts where animations were before.
    document.body.style.display = 'none';
    void document.body.offsetHeight;
    document.body.style.display = '';
    return document.documentElement.scrollWidth;
  });
  expect(scrollWidth).toBe(width);
}

/** One part of the page that moved by itself, and how far. */
export interface Shift {
  readonly value: number;
  /** When, in milliseconds since the page was opened. */
  readonly at: number;
  /** What moved, as CSS would name it. */
  readonly sources: readonly string[];
}

/** What of the page has moved by itself since it was opened. Nothing is to. */
export function layoutShifts(page: Page): Promise<readonly Shift[]> {
  return page.evaluate(() => {
    type LayoutShift = PerformanceEntry & {
      readonly hadRecentInput: boolean;
      readonly value: number;
      readonly sources: readonly { readonly node?: Node | null }[];
    };
    const nameOf = (node: Node | null | undefined) =>
      node instanceof Element
        ? `${node.localName}#${node.id}.${node.getAttribute('class')}`
        : `${node?.nodeName}: ${node?.textContent} in ${node?.parentElement?.className}`;
    const { takeShifts } = window as unknown as { takeShifts: () => readonly LayoutShift[] };
    return takeShifts()
      .filter(({ hadRecentInput }) => !hadRecentInput)
      .map(({ value, startTime, sources }) => ({
        value,
        at: startTime,
        sources: sources.map(({ node }) => nameOf(node)),
      }));
  });
}

/** The page's clock, once everything that was asked for is on the screen. */
export function painted(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) =>
        requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now()))),
      ),
  );
}

interface Activity {
  readonly executions: readonly { readonly operation: string; readonly keyHash?: string }[];
  readonly effects: readonly { readonly operation: string }[];
}

/** The scenarios: what a person sees and presses. */
export class StagePage {
  readonly page: Page;
  readonly stage;
  readonly scrubber;
  readonly verdict;

  constructor(page: Page) {
    this.page = page;
    this.stage = page.getByRole('tabpanel', { name: /./ }).and(page.locator('#stage'));
    this.scrubber = page.getByRole('slider', { name: 'Moment' });
    this.verdict = page.locator('.verdict');
  }

  /** Opens a scenario. The button is there before any script: what the scripts make is waited for. */
  async open(id: string) {
    await this.page.goto(`./?scenario=${id}`);
    await this.stage.waitFor();
  }

  /** The one button. */
  get button() {
    return this.page.locator('.cta').getByRole('button');
  }

  tab(title: string) {
    return this.page.getByRole('tab', { name: new RegExp(`^${title}`) });
  }

  /** One of the two lanes on the stage. */
  lane(name: string) {
    return this.stage.getByRole('region', { name, exact: true });
  }

  /** The sentences of a lane's story, the one about its end last. */
  story(name: string) {
    return this.page
      .getByRole('region', { name: 'What happened' })
      .locator('section')
      .filter({ has: this.page.getByRole('heading', { name, exact: true }) })
      .getByRole('listitem');
  }

  /**
   * Plays the chosen scenario, and goes to the end of the run once it is there.
   *
   * @param hurried whether waits are skipped, where nothing real is waited for: the page's clock has to be installed
   */
  async play(hurried = false) {
    await this.button.click();
    const link = this.page.getByRole('button', { name: 'Copy link' });
    while (hurried && !(await link.isEnabled())) {
      await this.page.clock.fastForward(2_000).catch(() => {}); // the page may be on its way to another load
    }
    await this.end();
  }

  /** Waits for the run to end, and goes to its end. */
  async end() {
    await expect(this.page.getByRole('button', { name: 'Copy link' })).toBeEnabled();
    await this.scrubber.press('End');
    await expect(this.verdict).toHaveAttribute('data-hidden', 'false');
  }
}

/** The playground: what a person sees and presses. */
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

  open() {
    return this.page.goto('./?view=playground');
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

  /** The intents that the client has stored, newest first. */
  get stored() {
    return this.page.getByRole('list', { name: 'Stored intents, newest first' }).getByRole('listitem');
  }

  /** A part of the page, by its title. */
  region(title: string) {
    return this.page.getByRole('region', { name: title, exact: true });
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
