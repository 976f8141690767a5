/** How much time is left until a moment, to the second. Both in epoch milliseconds. */
export function formatLeft(until: number, now: number): string {
  const seconds = Math.ceil((until - now) / 1_000);
  if (Number.isNaN(seconds)) {
    return 'unknown';
  }
  if (seconds <= 0) {
    return 'over';
  }
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const parts = [hours > 0 && `${hours} h`, (hours > 0 || minutes > 0) && `${minutes} min`, `${seconds % 60} s`];
  return `${parts.filter(Boolean).join(' ')} left`;
}
