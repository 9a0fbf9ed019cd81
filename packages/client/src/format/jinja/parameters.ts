import { Fault } from './numbers.js';
import type { JinjaMap, JinjaValue } from './values.js';

/** Filters `operand` with arguments by place and by name. Throws {@link Fault}. */
export type JinjaFilter = (operand: JinjaValue, args: readonly JinjaValue[], named: JinjaMap) => JinjaValue;

/**
 * Makes a filter with these parameters, by place or by name as in Python. Those that end in `!` are required, others
 * may be `undefined`.
 */
export function taking(
  parameters: string,
  filter: (operand: JinjaValue, ...args: readonly JinjaValue[]) => JinjaValue,
): JinjaFilter {
  const all = parameters.split(' ').filter((name) => name !== '');
  const names = all.map((name) => name.replace('!', ''));
  return (operand, args, named) => {
    const isKnown = [...named.keys()].every((name) => names.indexOf(name) >= args.length);
    if (args.length > names.length || !isKnown) {
      throw new Fault(names.length === 0 ? 'does not take arguments' : `takes only the arguments ${names.join(', ')}`);
    }
    const lacks = names.find((name, index) => all[index] !== name && index >= args.length && !named.has(name));
    if (lacks !== undefined) throw new Fault(`needs ${lacks}`);
    return filter(operand, ...names.map((name, index) => (index < args.length ? args[index] : named.get(name))));
  };
}
