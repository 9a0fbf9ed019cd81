import { Fault } from './numbers.js';
import type { JinjaValue } from './values.js';

/** What a filter is given: what stands before it, and its arguments by place and by name. Throws {@link Fault}. */
export type JinjaFilter = (
  operand: JinjaValue,
  args: readonly JinjaValue[],
  named: ReadonlyMap<string, JinjaValue>,
) => JinjaValue;

/** A filter with these parameters, by place or by name as in Python. */
export function taking(
  parameters: string,
  filter: (operand: JinjaValue, ...given: (JinjaValue | undefined)[]) => JinjaValue,
): JinjaFilter {
  const names = parameters.split(' ').filter((name) => name !== '');
  return (operand, args, named) => {
    const isKnown = [...named.keys()].every((name) => names.indexOf(name) >= args.length);
    if (args.length > names.length || !isKnown) {
      const what = names.length === 0 ? 'takes no arguments' : `takes no other arguments than ${names.join(', ')}`;
      throw new Fault(what);
    }
    const given = names.map((name, index) => args[index] ?? named.get(name));
    return filter(operand, ...given);
  };
}
