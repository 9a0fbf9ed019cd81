import { ExactNumber } from '@confidant/contract/wire';
import type { Scalar } from '@confidant/contract';
import { shellQuote, valueText } from './variables.js';
import type { Variable } from './variables.js';

/** A value can not be written in the form that was asked for. Names the variable, never the value. */
export class UnwritableValue extends Error {
  override readonly name = 'UnwritableValue';
}

/** Lines for `eval` or `.` of a POSIX shell. */
export function toShell(variables: readonly Variable[]): string {
  return variables.map(({ name, value }) => `export ${name}=${shellQuote(noNul(name, valueText(value)))}\n`).join('');
}

/**
 * Lines that Node's --env-file, the dotenv packages of Node, Python and Ruby, and Docker Compose read alike. The form
 * has no quoting that all of them take for a value with every kind of quote: {@link UnwritableValue}.
 */
export function toDotenv(variables: readonly Variable[]): string {
  return variables.map(({ name, value }) => `${name}=${dotenvQuote(name, noNul(name, valueText(value)))}\n`).join('');
}

function dotenvQuote(name: string, text: string): string {
  if (/^[\w@%+=:,./-]*$/.test(text)) return text;
  // Single quotes are literal everywhere; a backslash before the closing one is not, to some readers.
  if (!text.includes("'") && !text.endsWith('\\')) return `'${text}'`;
  if (!/["\\$`]/.test(text)) return `"${text}"`;
  throw new UnwritableValue(`the value of ${name} can not be written as dotenv: use the output shell or json`);
}

/** Terraform variables; keys as they are in the credential. */
export function toTfvars(variables: readonly Variable[]): string {
  return variables.map(({ key, value }) => `${key} = ${hclValue(value)}\n`).join('');
}

export function isTerraformName(key: string): boolean {
  return /^[\p{L}_][\p{L}\p{Nd}_-]*$/u.test(key);
}

function hclValue(value: Scalar): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (value instanceof ExactNumber) return value.text;
  return JSON.stringify(value)
    .replaceAll(/[$%](?=\{)/g, (sign) => sign + sign)
    .replaceAll(/\\[bf]/g, (escape) => (escape === '\\b' ? '\\u0008' : '\\u000c'));
}

/** YAML that PyYAML reads too. Whole numbers keep every digit. */
export async function toYaml(body: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(withBigInts(body), { version: '1.1', sortMapEntries: true, lineWidth: 0 });
}

function withBigInts(value: unknown): unknown {
  if (value instanceof ExactNumber) return /^-?\d+$/.test(value.text) ? BigInt(value.text) : value.text;
  if (Array.isArray(value)) return value.map(withBigInts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withBigInts(child)]));
}

function noNul(name: string, text: string): string {
  if (text.includes('\0')) throw new UnwritableValue(`the value of ${name} holds a NUL character`);
  return text;
}
