import type { CommandSpec } from '../arguments/command-spec.js';
import type { OptionsOf } from '../arguments/options.js';
import type { Context } from '../context.js';
import type { Outcome } from '../output/outcome.js';
import type { AnyCommand } from './table.js';

/** The options of one command, as its handler reads them. */
export type CommandOptions<Name extends AnyCommand['name']> = OptionsOf<
  Extract<AnyCommand, { name: Name }>['options'][number]
>;

/**
 * Runs a command; `words` are the arguments that are not options. Rejects with UsageError, CommandError, ConfigError, or a
 * failure of the SDK.
 */
type Handler<Name extends AnyCommand['name']> = (
  context: Context,
  options: CommandOptions<Name>,
  words: readonly string[],
) => Promise<Outcome>;

/** The handlers of one module: one for each command whose spec names the module, and no other. */
export type Handlers<Module extends CommandSpec['module']> = {
  readonly [Name in Extract<AnyCommand, { module: Module }>['name']]: Handler<Name>;
};
