import { ExactNumber } from '@confidant/contract/wire';
import type { Scalar } from '@confidant/contract';
import type { Scalar as YamlScalar } from 'yaml';
import { shellQuote, valueText, type Variable } from './variables.js';

/** A value cannot be written in the requested format. The message names the variable, never the value. */
export class UnwritableValue extends Error {
  override readonly name = 'UnwritableValue';
}

/** Writes lines for `eval` or `.` of a POSIX shell. */
export function toShell(variables: readonly Variable[]): string {
  return variables.map(({ name, value }) => `export ${name}=${shellQuote(noNul(name, valueText(value)))}\n`).join('');
}

/**
 * Writes lines that Node's --env-file, the dotenv packages of Node, Python and Ruby, and Docker Compose read alike.
 * Throws {@link UnwritableValue} for values that no quoting makes them read alike, for example with both kinds of
 * quotes.
 */
export function toDotenv(variables: readonly Variable[]): string {
  return variables.map(({ name, value }) => `${name}=${dotenvQuote(name, noNul(name, valueText(value)))}\n`).join('');
}

function dotenvQuote(name: string, text: string): string {
  if (/^[\w@%+=:,./-]*$/.test(text)) return text;
  // Some readers change even single-quoted text: Python's removes a backslash before another one and before the quote,
  // and expands ${…}; Node's changes line ends.
  const isLiteral = !/['\r]|\$\{|\\\\|\\$/.test(text);
  if (isLiteral) return `'${text}'`;
  if (!/["\\$`\r]/.test(text)) return `"${text}"`;
  throw new UnwritableValue(`the value of ${name} cannot be written as dotenv: use the output shell or json`);
}

/** Writes Terraform variables, named by the keys of the credential. */
export function toTfvars(variables: readonly Variable[]): string {
  return variables.map(({ key, value }) => `${key} = ${hclValue(value)}\n`).join('');
}

export function isTerraformName(key: string): boolean {
  return /^[\p{L}_][\p{L}\p{Nd}_-]*$/u.test(key);
}

/** Escapes of JSON that HCL does not have. */
const HCL_ESCAPES: Record<string, string> = { '\\b': '\\u0008', '\\f': '\\u000c' };

function hclValue(value: Scalar): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (value instanceof ExactNumber) return value.text;
  return JSON.stringify(value)
    .replaceAll(/[$%](?=\{)/g, (sign) => sign + sign)
    .replaceAll(/\\./g, (escape) => HCL_ESCAPES[escape] ?? escape);
}

/** Writes YAML that PyYAML reads as the same values. Numbers keep every digit. */
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
    // With this tag, the text << would be written without quotes.
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:merge'),
    sortMapEntries: true,
  });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && NOT_PLAIN.test(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  // Such characters now occur only in double quotes, where they can be escaped.
  return document.toString({ lineWidth: 0 }).replaceAll(UNPRINTABLE, escaped);
}

/** Characters that are not printable or are line ends in YAML 1.1, but not in JSON. */
const UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;
/** Text that PyYAML rejects or reads differently without quotes. */
const NOT_PLAIN = /[\t\r\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|^(=|<<)$/;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function numberNode(text: string, Scalar: typeof YamlScalar): unknown {
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const node = new Scalar(Number(text));
  node.minFractionDigits = /\.(\d+)$/.exec(text)?.[1]?.length ?? 0;
  // A number that JavaScript cannot represent exactly is written as text instead of as another number.
  return String(node.value) === text || Number(text).toFixed(node.minFractionDigits) === text ? node : text;
}

function noNul(name: string, text: string): string {
  if (text.includes('\0')) throw new UnwritableValue(`the value of ${name} contains a NUL character`);
  return text;
}
