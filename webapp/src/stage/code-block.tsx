import './code-block.css';
import type { ReactNode } from 'react';

/** Code, or text of the same kind. It can be scrolled sideways, and so takes the focus. */
export function CodeBlock({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
    <section className="code" aria-label={label} tabIndex={0} translate="no">
      <pre>{children}</pre>
    </section>
  );
}
