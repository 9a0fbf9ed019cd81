import { ExactNumber } from '@confidant/contract/wire';
import type { Scalar } from '@confidant/contract';

/** One key and value of a credential, and the name it gets outside. */
export interface Variable {
  name: string;
  key: string;
  value: Scalar;
  /** Id and name of the credential it comes from. */
  source: { id: string; name: string };
}

/** As much of a credential, blind or not, as its values need. */
export interface ValueSource {
  id: string;
  name: string;
  pairs: Readonly<Record<string, Scalar>>;
}

/** compat: a variable is `(prefix + key)` in capitals. */
export function variableName(prefix: string, key: string): string {
  return (prefix + key).toUpperCase();
}

/** The variables of credentials in order; a name may occur more than once. */
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

/** Names that more than one credential gives, each with the credential whose value counts: the last. */
export function conflictsOf(variables: readonly Variable[]): Variable[] {
  const seen = new Map<string, string>();
  const conflicts: Variable[] = [];
  for (const variable of variables) {
    if (seen.has(variable.name) && seen.get(variable.name) !== variable.source.id) conflicts.push(variable);
    seen.set(variable.name, variable.source.id);
  }
  return conflicts;
}

/** The text of a value: numbers as they were written, `true` and `false`, null as nothing. */
export function valueText(value: Scalar): string {
  if (value === null) return '';
  return value instanceof ExactNumber ? value.text : String(value);
}

/** Whether an environment can hold a variable of this name (or with this key in its name) and value. */
export function fitsVariable(name: string, value: Scalar): boolean {
  return !name.includes('=') && !(name + valueText(value)).includes('\0');
}

/**
 * compat: what the original takes for the name of a shell variable: letters, digits and underscores of any script
 * (Python's `\w`), no digit first.
 */
export function isShellName(key: string): boolean {
  return /^(?!\p{Nd})[\p{L}\p{N}_]+$/u.test(key);
}

/** A name that every POSIX shell and every reader of dotenv takes. */
export function isPortableName(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}

const MAX_SHOWN = 100;

/** A name that others chose, in a message: it begins no line of its own, and is no longer than a line. */
export function shownName(name: string): string {
  const short = name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name;
  return /[\p{Cc}\u2028\u2029]/u.test(short) ? JSON.stringify(short) : short;
}

/** A credential in a message: its name, and its id. */
export function shownSource({ id, name }: { id: string; name: string }): string {
  return `${shownName(name)} (${shownName(id)})`;
}

/** compat: as Python's shlex.quote: plain when nothing in it means anything to a shell, else in single quotes. */
export function shellQuote(text: string): string {
  if (text === '') return "''";
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
