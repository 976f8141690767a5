import { DemoPage, expect, expectAccessible, expectToFit, layoutShifts, test } from './test.ts';

test('a payment is made once, however often it is sent; without idempotency, every time', async ({ page }) => {
  const demo = new DemoPage(page);

  await test.step('open the page', async () => {
    const response = await page.goto('./?view=playground');
    expect(response?.headers()['content-security-policy']).toContain("script-src 'self'");
    await demo.expectEvidence({ requests: 0, executions: 0, effects: 0 });
  });

  let payment: string;

  await test.step('submit a payment: the handler runs', async () => {
    await demo.submit.click();
    await expect(demo.results).toHaveCount(1);
    await expect(demo.results.first()).toContainText('Executed');
    await expect(demo.results.first()).toContainText('201');
    payment = (await demo.newestResource.textContent()) ?? '';
    expect(payment).not.toBe('none');
    await demo.expectEvidence({ requests: 1, executions: 1, effects: 1 });
  });

  await test.step('submit the same again: the client answers, nothing is sent', async () => {
    await demo.submit.click();
    await expect(demo.results).toHaveCount(2);
    await expect(demo.results.first()).toContainText('Client cache');
    await expect(demo.newestResource).toHaveText(payment);
    await demo.expectEvidence({ requests: 1, executions: 1, effects: 1 });
  });

  await test.step('resend it, past the client: the recorded answer comes back', async () => {
    await demo.resend.click();
    await expect(demo.results).toHaveCount(3);
    await expect(demo.results.first()).toContainText('Server replay');
    await expect(demo.newestResource).toHaveText(payment);
    await demo.expectEvidence({ requests: 2, executions: 1, effects: 1 });
    await expect(demo.ledger).toHaveCount(1);
    await expect(demo.ledger.first()).toContainText('€12.50');
  });

  await test.step('all of it without the page moving under one’s hands', async () => {
    expect(await layoutShifts(page)).toEqual([]);
  });

  await test.step('mean it again: a new key, another charge', async () => {
    await demo.asNew.click();
    await expect(demo.results).toHaveCount(4);
    await expect(demo.results.first()).toContainText('Executed');
    await demo.expectEvidence({ requests: 3, executions: 2, effects: 2 });
  });

  await test.step('switch idempotency off, submit twice: two more charges', async () => {
    await demo.guard.press('Space');
    await demo.submit.click();
    await expect(demo.results).toHaveCount(5);
    await expect(demo.results.first()).toContainText('Executed');
    await demo.submit.click();
    await expect(demo.results).toHaveCount(6);
    await expect(demo.results.first()).toContainText('Executed');
    await demo.expectEvidence({ requests: 5, executions: 4, effects: 4 });
    await expect(demo.ledger).toHaveCount(4);
  });

  await test.step('reload: the evidence is the server’s', async () => {
    await page.reload();
    await demo.expectEvidence({ requests: 5, executions: 4, effects: 4 });
    await expect(demo.stored).toHaveCount(2);
  });

  await test.step('start a new session: nobody else’s evidence', async () => {
    await page.getByRole('button', { name: 'New session' }).click();
    await demo.expectEvidence({ requests: 0, executions: 0, effects: 0 });
    await expect(demo.stored).toHaveCount(0);
    const left = await page.evaluate(() => Object.keys(localStorage).sort());
    expect(left, 'what is left in the storage').toEqual(['idempotent-requests.history', 'idempotent-requests.session']);
  });
});

test('customers and orders are made once, too', async ({ page }) => {
  const demo = new DemoPage(page);
  await page.goto('./?view=playground');
  for (const [i, name] of ['Customer', 'Order'].entries()) {
    // The radio itself is hidden under its label.
    await page.getByText(name, { exact: true }).click();
    await demo.submit.click();
    await expect(demo.results).toHaveCount(2 * i + 1);
    await demo.resend.click();
    await expect(demo.results).toHaveCount(2 * i + 2);
    await expect(demo.results.first()).toContainText('Server replay');
  }
  await demo.expectEvidence({ requests: 4, executions: 2, effects: 2 });
  await expect(demo.ledger).toContainText([/^order 2 × mug/i, /^customer/i]);
});

test.describe('what the API refuses', () => {
  test.use({ expectedStatuses: [422] });

  test('is said at the field, and nothing is claimed', async ({ page }) => {
    const demo = new DemoPage(page);
    await page.goto('./?view=playground');
    await demo.field('Amount').fill('0');
    await demo.field('Description').fill('');
    await demo.submit.click();

    await expect(demo.results.first()).toContainText('Refused');
    for (const field of ['Amount', 'Description']) {
      await expect(demo.field(field)).toHaveAttribute('aria-invalid', 'true');
    }
    await expect(demo.field('Amount')).toBeFocused();
    await demo.expectEvidence({ requests: 1, executions: 0, effects: 0 });

    await demo.field('Amount').fill('100');
    await demo.field('Description').fill('tea');
    await demo.submit.click();
    await expect(demo.results.first()).toContainText('Executed');
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`is accessible in ${colorScheme}, like everything else`, async ({ page }) => {
      await page.emulateMedia({ colorScheme });
      const demo = new DemoPage(page);
      await page.goto('./?view=playground');
      await expectAccessible(page);

      await demo.submit.click();
      await expect(demo.results.first()).toContainText('Executed');
      await demo.resend.click();
      await expect(demo.results.first()).toContainText('Server replay');
      await demo.guard.press('Space');
      await demo.field('Amount').fill('-5');
      await demo.submit.click();
      await expect(demo.results.first()).toContainText('Refused');
      await expect(demo.ledger).toHaveCount(1);
      await expectAccessible(page);
    });
  }
});

test('the page fits 360 pixels, and needs no mouse', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  const demo = new DemoPage(page);
  await page.goto('./?view=playground');
  await demo.field('Description').press('Enter');
  await expect(demo.results.first()).toContainText('Executed');
  await demo.resend.press('Enter');
  await expect(demo.results.first()).toContainText('Server replay');
  await expect(demo.ledger).toHaveCount(1);

  await expectToFit(page, 360);
});
