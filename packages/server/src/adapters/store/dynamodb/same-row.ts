import { isPlainObject } from '@confidant/contract';
import type { Item } from './items.js';

/** Whether two rows have the same attributes; attributes and the members of sets have no order. */
export function isSameRow(one: Item, other: Item): boolean {
  return canonical(one) === canonical(other);
}

/** A text that is equal for equal values of attributes. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isPlainObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(([name, child]): [string, string] => {
    const isSet = /^(SS|NS|BS)$/.test(name) && Array.isArray(child);
    return [name, canonical(isSet ? [...(child as string[])].sort() : child)];
  });
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
    .join()}}`;
}
