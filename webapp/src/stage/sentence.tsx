import type { Sentence } from '../model/words.ts';

/** A sentence: plain text, emphasis, keys as tags. */
export function Words({ of }: { of: Sentence }) {
  return of.map((part, i) => {
    if (typeof part === 'string') {
      return part;
    }
    // Pieces have no name but their place, and a sentence is replaced as a whole.
    return 'strong' in part ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <b key={i} data-tone={part.tone}>
        {part.strong}
      </b>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <i key={i} className="key" translate="no">
        {part.key}
      </i>
    );
  });
}

const written = new WeakMap<Element, string>();

/** The same for an element outside React's hands. Touches it only if the sentence is another one. */
export function write(element: Element, sentence: Sentence): void {
  const text = JSON.stringify(sentence);
  if (written.get(element) === text) {
    return;
  }
  written.set(element, text);
  element.replaceChildren(
    ...sentence.map((part) => {
      if (typeof part === 'string') {
        return part;
      }
      const piece = document.createElement('strong' in part ? 'b' : 'i');
      if ('strong' in part) {
        piece.textContent = part.strong;
        if (part.tone !== undefined) {
          piece.dataset.tone = part.tone;
        }
      } else {
        piece.className = 'key';
        piece.translate = false;
        piece.textContent = part.key;
      }
      return piece;
    }),
  );
}
