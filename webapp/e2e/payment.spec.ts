import { expect, expectAccessible, layoutShift, PaymentPage, test } from './test.ts';

test('a payment is made once, however often it is sent; without idempotency, every time', async ({ page }) => {
  const payments = new PaymentPage(page);

  await test.step('open the page', async () => {
    const response = await page.goto('./');
    expect(response?.headers()['content-security-policy']).toContain("script-src 'self'");
    await payments.expectEvidence({ requests: 0, executions: 0, effects: 0 });
  });

  let payment: string;

  await test.step('submit a payment: the handler runs', async () => {
    await payments.submit.click();
    await expect(payments.results).toHaveCount(1);
    await expect(payments.results.first()).toContainText('Executed');
    await expect(payments.results.first()).toContainText('201');
    payment = (await payments.newestPayment.textContent()) ?? '';
    expect(payment).not.toBe('none');
    await payments.expectEvidence({ requests: 1, executions: 1, effects: 1 });
  });

  await test.step('submit the same again: the recorded answer comes back', async () => {
    await payments.again.click();
    await expect(payments.results).toHaveCount(2);
    await expect(payments.results.first()).toContainText('Server replay');
    await expect(payments.newestPayment).toHaveText(payment);
    await payments.expectEvidence({ requests: 2, executions: 1, effects: 1 });
    await expect(payments.ledger).toHaveCount(1);
    await expect(payments.ledger.first()).toContainText('€12.50');
  });

  await test.step('all of it without the page moving under one’s hands', async () => {
    expect(await layoutShift(page)).toBe(0);
  });

  await test.step('switch idempotency off, submit, submit the same again: two more charges', async () => {
    await payments.guard.press('Space');
    await payments.submit.click();
    await expect(payments.results).toHaveCount(3);
    await expect(payments.results.first()).toContainText('Executed');
    await payments.again.click();
    await expect(payments.results).toHaveCount(4);
    await expect(payments.results.first()).toContainText('Executed');
    await payments.expectEvidence({ requests: 4, executions: 3, effects: 3 });
    await expect(payments.ledger).toHaveCount(3);
  });

  await test.step('reload: the evidence is the server’s', async () => {
    await page.reload();
    await payments.expectEvidence({ requests: 4, executions: 3, effects: 3 });
  });

  await test.step('start a new session: nobody else’s evidence', async () => {
    await page.getByRole('button', { name: 'New session' }).click();
    await payments.expectEvidence({ requests: 0, executions: 0, effects: 0 });
  });
});

test.describe('what the API refuses', () => {
  test.use({ expectedStatus: 422 });

  test('is said at the field, and nothing is claimed', async ({ page }) => {
    const payments = new PaymentPage(page);
    await page.goto('./');
    await payments.field('Amount').fill('0');
    await payments.field('Description').fill('');
    await payments.submit.click();

    await expect(payments.results.first()).toContainText('Refused');
    for (const field of ['Amount', 'Description']) {
      await expect(payments.field(field)).toHaveAttribute('aria-invalid', 'true');
    }
    await expect(payments.field('Amount')).toBeFocused();
    await payments.expectEvidence({ requests: 1, executions: 0, effects: 0 });

    await payments.field('Amount').fill('100');
    await payments.field('Description').fill('tea');
    await payments.submit.click();
    await expect(payments.results.first()).toContainText('Executed');
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`is accessible in ${colorScheme}, like everything else`, async ({ page }) => {
      await page.emulateMedia({ colorScheme });
      const payments = new PaymentPage(page);
      await page.goto('./');
      await expectAccessible(page);

      await payments.submit.click();
      await expect(payments.results.first()).toContainText('Executed');
      await payments.again.click();
      await expect(payments.results.first()).toContainText('Server replay');
      await payments.guard.press('Space');
      await payments.field('Amount').fill('-5');
      await payments.submit.click();
      await expect(payments.results.first()).toContainText('Refused');
      await expect(payments.ledger).toHaveCount(1);
      await expectAccessible(page);
    });
  }
});

test('the page fits 360 pixels, and needs no mouse', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  const payments = new PaymentPage(page);
  await page.goto('./');
  await payments.field('Description').press('Enter');
  await expect(payments.results.first()).toContainText('Executed');
  await payments.again.press('Enter');
  await expect(payments.results.first()).toContainText('Server replay');
  await expect(payments.ledger).toHaveCount(1);

  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
});
