import { RE2JS, RE2JSException } from 're2js';

/** Whether a text matches. */
export type Pattern = (text: string) => boolean;

/** A pattern that cannot be used; the message says why. */
export class BadPattern extends Error {
  override readonly name = 'BadPattern';
}

const MAX_LENGTH = 512;

/**
 * A pattern of an access rule. `/…/` is a regular expression, in which `*` and `?` make a glob (any text, one
 * character); anything else is the text itself. All of them match the whole text, distinguish case, and take time linear
 * in the text: expressions run on RE2's engine, which has no backtracking (and so no lookaround or back reference).
 *
 * @throws BadPattern
 */
export function compilePattern(source: string): Pattern {
  if (source === '') throw new BadPattern('an empty pattern matches nothing: leave it out, or write "*"');
  if (source.length > MAX_LENGTH) throw new BadPattern(`longer than ${MAX_LENGTH} characters`);
  if (source === '*') return () => true;
  if (source.length > 2 && source.startsWith('/') && source.endsWith('/')) return compile(source.slice(1, -1));
  if (!/[*?]/.test(source)) return (text) => text === source;
  return compile(
    source
      .split(/([*?])/)
      .map((part) => (part === '*' ? '.*' : part === '?' ? '.' : RE2JS.quote(part)))
      .join(''),
  );
}

/** A pattern that matches if any of these does. */
export function anyOf(patterns: readonly Pattern[]): Pattern {
  return patterns.length === 1 ? patterns[0]! : (text) => patterns.some((pattern) => pattern(text));
}

function compile(expression: string): Pattern {
  try {
    const compiled = RE2JS.compile(expression, RE2JS.DOTALL);
    return (text) => compiled.matches(text);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new BadPattern(`not a regular expression that RE2 supports: ${error.message}`, { cause: error });
  }
}
