import { GLOBAL_OPTIONS, type GlobalOption } from './global-options.js';
import { toOptions, type OptionsOf } from './options.js';

/** The global options as they were given. */
export type GlobalOptions = OptionsOf<GlobalOption>;

/** The global options, of `values` by commander's attribute names, `configFiles`. */
export function readGlobals(values: Readonly<Record<string, unknown>>): GlobalOptions {
  return toOptions(GLOBAL_OPTIONS, values) as GlobalOptions;
}
