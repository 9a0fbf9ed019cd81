import { ExactNumber } from '@confidant/contract/wire';
import type { Scalar } from '@confidant/contract';

/** A value as text, digits as they were written. */
export function textOf(value: Scalar): string {
  if (value instanceof ExactNumber) return value.text;
  return value === null ? 'null' : String(value);
}

/** The type of a value that is not text, for its mark. */
export function typeOf(value: Scalar): 'number' | 'true/false' | 'null' | undefined {
  if (typeof value === 'string') return undefined;
  if (value === null) return 'null';
  return typeof value === 'boolean' ? 'true/false' : 'number';
}

/** What cannot be seen in a text is said: its length, lines, and how it ends. */
export function describeText(text: string): string {
  const characters = [...text].length;
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  const parts = [`${characters.toLocaleString('en')} ${characters === 1 ? 'character' : 'characters'}`];
  if (/[\r\n]/.test(text)) {
    parts.push(`${lines.toLocaleString('en')} ${lines === 1 ? 'line' : 'lines'}`);
    parts.push(/[\r\n]$/.test(text) ? 'ends with a line end' : 'ends without a line end');
    if (text.includes('\r')) parts.push('with Windows line ends');
  }
  return parts.join(', ');
}
