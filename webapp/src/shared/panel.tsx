import { type ReactNode, useId } from 'react';
import classes from './panel.module.css';

/** A titled section of the page, framed. */
export function Panel({ title, note, children }: { title: string; note?: ReactNode | undefined; children: ReactNode }) {
  const id = useId();
  return (
    <section className={classes.panel} aria-labelledby={id}>
      <div className={classes.header}>
        <h2 id={id} className={classes.title}>
          {title}
        </h2>
        {note !== undefined && <div className={classes.note}>{note}</div>}
      </div>
      {children}
    </section>
  );
}
