import { ExactNumber } from '@confidant/contract/wire';
import type { Scalar } from '@confidant/contract';
import type { Scalar as YamlScalar } from 'yaml';
import { shellQuote, valueText, type Variable } from './variables.js';

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
  // Single quotes are literal everywhere but for what some readers still change in them: Python's takes a backslash
  // away before another and before the quote, and fills in ${…}; Node's changes line ends.
  const isLiteral = !/['\r]|\$\{|\\\\|\\$/.test(text);
  if (isLiteral) return `'${text}'`;
  if (!/["\\$`\r]/.test(text)) return `"${text}"`;
  throw new UnwritableValue(`the value of ${name} can not be written as dotenv: use the output shell or json`);
}

/** Terraform variables; keys as they are in the credential. */
export function toTfvars(variables: readonly Variable[]): string {
  return variables.map(({ key, value }) => `${key} = ${hclValue(value)}\n`).join('');
}

export function isTerraformName(key: string): boolean {
  return /^[\p{L}_][\p{L}\p{Nd}_-]*$/u.test(key);
}

/** Escapes of JSON that HCL has not. */
const HCL_ESCAPES: Record<string, string> = { '\\b': '\\u0008', '\\f': '\\u000c' };

function hclValue(value: Scalar): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (value instanceof ExactNumber) return value.text;
  return JSON.stringify(value)
    .replaceAll(/[$%](?=\{)/g, (sign) => sign + sign)
    .replaceAll(/\\./g, (escape) => HCL_ESCAPES[escape] ?? escape);
}

/** YAML that PyYAML reads too, and as the same. Numbers keep every digit. */
export async function toYaml(body: unknown): Promise<string> {
  const { Document, Scalar, visit } = await import('yaml');
  const exact = (value: unknown): unknown => {
    if (value instanceof ExactNumber) return numberNode(value.text, Scalar);
    if (Array.isArray(value)) return value.map(exact);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, exact(child)]));
  };
  const document = new Document(exact(body), {
    version: '1.1',
    merge: false,
    // It would write the text << bare, whatever its type.
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:merge'),
    sortMapEntries: true,
  });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && NOT_PLAIN.test(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  // Now only double quotes hold such characters, where an escape says the same.
  return document.toString({ lineWidth: 0 }).replaceAll(UNPRINTABLE, escaped);
}

/** What YAML 1.1 calls not printable, or takes for a line end, though JSON does not. */
const UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;
/** PyYAML refuses these bare, or takes them for something else: tabs and the above anywhere, and two marks alone. */
const NOT_PLAIN = /[\t\r\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|^(=|<<)$/;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function numberNode(text: string, Scalar: typeof YamlScalar): unknown {
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const node = new Scalar(Number(text));
  node.minFractionDigits = /\.(\d+)$/.exec(text)?.[1]?.length ?? 0;
  // What JavaScript can not hold to the last digit stays a text rather than become another number.
  return String(node.value) === text || Number(text).toFixed(node.minFractionDigits) === text ? node : text;
}

function noNul(name: string, text: string): string {
  if (text.includes('\0')) throw new UnwritableValue(`the value of ${name} holds a NUL character`);
  return text;
}
