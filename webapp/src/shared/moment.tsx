const timeOfDay = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' });

/** A moment as its time of day, with the whole of it for machines and on hover. */
export function Moment({ at }: { at: Date }) {
  if (Number.isNaN(at.getTime())) {
    return null;
  }
  return (
    <time dateTime={at.toISOString()} title={at.toString()}>
      {timeOfDay.format(at)}
    </time>
  );
}
