import { attributeOf, longName, takesValue, takesValues, type OptionSpec } from './command-spec.js';
import { JsonInput } from './input.js';

type FirstWord<Text extends string> = Text extends `${infer Word} ${string}` ? Word : Text;

/** `credIds` of `cred-ids`. */
type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** The name by which a handler reads an option: `url` of `-u, --url <url>`, and `browser` of `--no-browser`. */
type NameOf<Spec extends OptionSpec> = Spec['flags'] extends `${string}--no-${infer Rest}`
  ? CamelCase<FirstWord<Rest>>
  : Spec['flags'] extends `${string}--${infer Rest}`
    ? CamelCase<FirstWord<Rest>>
    : never;

type ValueOf<Spec extends OptionSpec> = Spec extends { kind: 'json' }
  ? JsonInput
  : Spec extends { kind: string }
    ? number
    : Spec extends { choices: readonly (infer Choice)[] }
      ? Choice
      : string;

/** A flag is true or false, a list may be empty; a value is undefined if it is absent, has no default, and is not required. */
type ReadOf<Spec extends OptionSpec> = Spec['flags'] extends `${string}...>`
  ? readonly string[]
  : Spec['flags'] extends `${string}<${string}`
    ? ValueOf<Spec> | (Spec extends { required: true } | { fallback: unknown } ? never : undefined)
    : boolean;

/**
 * The options of a command as they were given, typed by their specs (a union). What a handler reads of an option that the
 * specs do not have, or reads with another type, does not compile.
 */
export type OptionsOf<Spec extends OptionSpec> = { readonly [Each in Spec as NameOf<Each>]: ReadOf<Each> };

/** What {@link OptionsOf} describes, of `values` by commander's attribute names, `credIds`. */
export function toOptions(
  specs: readonly OptionSpec[],
  values: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    specs.map((spec) => {
      const name = attributeOf(spec);
      const value = values[name];
      if (!takesValue(spec)) return [name, value === true];
      if (takesValues(spec)) return [name, value ?? []];
      return [
        name,
        spec.kind === 'json' && value !== undefined ? new JsonInput(value as string, longName(spec)) : value,
      ];
    }),
  );
}
