// Runs before the first paint, so that a visitor who chose a colour scheme never sees the other one flash by.
// A file of its own, because the page's Content-Security-Policy allows no inline scripts.
(() => {
  let chosen;
  try {
    chosen = localStorage.getItem('idempotent-requests.color-scheme');
  } catch {
    // Storage refused: follow the system.
  }
  const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  const root = document.documentElement;
  root.dataset.theme = dark ? 'dark' : 'light';
  root.setAttribute('data-mantine-color-scheme', root.dataset.theme);
})();
