const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];

/** A number of bytes as people say it, in powers of 1,000. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1_000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${Number((bytes / 1_000 ** power).toPrecision(3))} ${units[power]}`;
}
