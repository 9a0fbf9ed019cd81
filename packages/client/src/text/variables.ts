import { ExactNumber } from '@confidant/contract/wire';
import type { Scalar } from '@confidant/contract';

/** A key and value of a credential, and the name of its environment variable. */
export interface Variable {
  name: string;
  key: string;
  value: Scalar;
  /** The credential that it comes from. */
  source: { id: string; name: string };
}

/** A credential, blind or not, as far as its variables need it. */
export interface ValueSource {
  id: string;
  name: string;
  pairs: Readonly<Record<string, Scalar>>;
}

/** compat: a variable is `(prefix + key)` in capitals. */
export function variableName(prefix: string, key: string): string {
  return (prefix + key).toUpperCase();
}

/** Returns the variables of credentials in order; a name may occur more than once. */
export function variablesOf(sources: readonly ValueSource[], prefix: string): Variable[] {
  return sources.flatMap(({ id, name, pairs }) =>
    Object.entries(pairs).map(([key, value]) => ({
      name: variableName(prefix, key),
      key,
      value,
      source: { id, name },
    })),
  );
}

/** Returns a variable for each name that several credentials set; the last one, whose value counts. */
export function conflictsOf(variables: readonly Variable[]): Variable[] {
  const seen = new Map<string, string>();
  const conflicts: Variable[] = [];
  for (const variable of variables) {
    if (seen.has(variable.name) && seen.get(variable.name) !== variable.source.id) conflicts.push(variable);
    seen.set(variable.name, variable.source.id);
  }
  return conflicts;
}

/** The text of a value: numbers as they were written, `true` or `false`, nothing for null. */
export function valueText(value: Scalar): string {
  if (value === null) return '';
  return value instanceof ExactNumber ? value.text : String(value);
}

/** Whether an environment can hold a variable of this name (or with this key in its name) and value. */
export function fitsVariable(name: string, value: Scalar): boolean {
  return !name.includes('=') && !(name + valueText(value)).includes('\0');
}

/**
 * Whether the original accepts a name for a shell variable. compat: letters, digits and underscores of any script
 * (Python's `\w`), not beginning with a digit.
 */
export function isShellName(key: string): boolean {
  return /^(?!\p{Nd})[\p{L}\p{N}_]+$/u.test(key);
}

/** Whether every POSIX shell and every reader of dotenv accepts a name. */
export function isPortableName(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}

const MAX_SHOWN = 100;

/** Formats a name from others for a message: in one line, and shortened if long. */
export function shownName(name: string): string {
  const short = name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name;
  return /[\p{Cc}\u2028\u2029]/u.test(short) ? JSON.stringify(short) : short;
}

/** Formats a credential for a message: `name (id)`. */
export function shownSource({ id, name }: { id: string; name: string }): string {
  return `${shownName(name)} (${shownName(id)})`;
}

/** Quotes a word for a POSIX shell. compat: like Python's shlex.quote, only if it needs quotes. */
export function shellQuote(text: string): string {
  if (text === '') return "''";
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
