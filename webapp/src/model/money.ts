/** How many minor units make one: 100 for EUR, 1 for JPY, 1000 for KWD. */
function minorUnits(currency: string): number {
  const { maximumFractionDigits = 2 } = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions();
  return 10 ** maximumFractionDigits;
}

/** An amount in minor units, as people write it: 1250 EUR is "€12.50". A currency unknown to the browser stays a code. */
export function formatMoney(amount: number, currency: string): string {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency }).format(amount / minorUnits(currency));
  } catch {
    return `${amount} ${currency}`;
  }
}
