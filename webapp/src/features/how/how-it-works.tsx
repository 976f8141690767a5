import './how.css';
import { announce } from '../../shared/announce.ts';
import { docs, documents } from '../../shared/docs.ts';
import { CodeBlock } from '../../stage/code-block.tsx';
import { protectSnippet, replaySnippet, submitSnippet } from './snippets.ts';

const steps = [
  {
    title: 'Make a key for the intent',
    text: 'One key for one thing that is meant. It is written down before anything is sent, and stays the same through retries, reloads and tabs.',
    file: 'in the browser',
    code: submitSnippet,
  },
  {
    title: 'Claim before you act',
    text: 'One conditional write on the key decides which copy runs. Every other copy finds the record: it waits, or gets its answer. The handler stays as it is.',
    file: 'main.go',
    code: protectSnippet,
  },
  {
    title: 'Answer again, don’t act again',
    text: 'The first answer is kept with the key for a day. Every copy gets it byte for byte; the same key with another payload is refused.',
    file: 'the second answer',
    code: replaySnippet,
  },
] as const;

const patterns = documents.find(({ name }) => name === 'Patterns')?.href ?? docs('');

/** Three steps, with the code that takes them. */
export function HowItWorks({ toast }: { toast: (text: string) => void }) {
  const copy = async (code: string, title: string) => {
    try {
      await navigator.clipboard.writeText(code);
      announce(`Copied: ${title}`);
      toast('Copied');
    } catch {
      const text = 'The browser does not let this page copy.';
      announce(text);
      toast(text);
    }
  };
  return (
    <section className="how" id="how" aria-labelledby="how-title">
      <h2 id="how-title">How it works</h2>
      <ol className="steps">
        {steps.map(({ title, text, file, code }, i) => (
          <li key={title}>
            <span className="no" aria-hidden="true">
              {i + 1}
            </span>
            <h3>{title}</h3>
            <p>{text}</p>
            <figure>
              <figcaption>
                {file}
                <button
                  type="button"
                  className="btn ghost small"
                  aria-label={`Copy: ${title}`}
                  onClick={() => void copy(code, title)}
                >
                  Copy
                </button>
              </figcaption>
              <CodeBlock label={file}>{code}</CodeBlock>
            </figure>
          </li>
        ))}
      </ol>
      <p className="more">
        <a href={`${patterns}#atomic-mode`}>Effects inside DynamoDB: one transaction</a>
        <a href={`${patterns}#queues-and-streams`}>Queues and streams</a>
        <a href={`${patterns}#in-under-ten-lines`}>Any function</a>
      </p>
    </section>
  );
}
