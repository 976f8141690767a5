/**
 * `JSON.parse` that refuses what it would otherwise lose without a word, exactly as the server's canonical JSON does:
 * names that occur twice, integers beyond ±(2^53 - 1), decimals that a double rounds (`1.000000000000000001`,
 * `1e-400`), and strings that are not well-formed Unicode. What it returns can be submitted, and says what the text says.
 *
 * @throws {SyntaxError} if the text is not JSON, or says more than its value would
 */
export const parseExactJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text);
  // The names of each object that is open; nothing for an array.
  const open: (Set<string> | undefined)[] = [];
  for (const [token, name, string, number] of text.matchAll(tokens)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (number !== undefined) {
      demand(isExact(number), `the number ${number} would be rounded`);
    } else {
      const read: string = JSON.parse(name ?? (string as string));
      demand(!/\p{Surrogate}/u.test(read), 'a string is not well-formed Unicode');
      const names = name === undefined ? undefined : open.at(-1);
      demand(!names?.has(read), `the name ${name} occurs twice`);
      names?.add(read);
    }
  }
  return value;
};

/** Brackets, names (strings with a colon behind them), other strings, and numbers of a text that is JSON. */
const tokens = /[{}[\]]|("(?:[^"\\]|\\.)*")\s*:|("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)/g;

/** Reports whether a number is what JavaScript writes for the double that it becomes. */
const isExact = (number: string): boolean => {
  const double = Number(number);
  return Math.abs(double) <= Number.MAX_SAFE_INTEGER && decimal(number) === decimal(String(double));
};

/** A decimal in one form: its digits without zeros at either end, and the power of ten of the last. */
const decimal = (number: string): string => {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d+)\.?(\d*)(?:[eE](.+))?$/.exec(number) ?? [];
  const significant = (whole + fraction).replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '');
  const power =
    BigInt(exponent.replace('+', '')) - BigInt(fraction.length) + BigInt(significant.length - digits.length);
  return digits === '' ? '0' : `${digits}e${power}`;
};

const demand = (holds: boolean, message: string): void => {
  if (!holds) {
    throw new SyntaxError(message);
  }
};
