import { shownName, shownSource, valueText, type Variable } from '../../text/variables.js';
import { CommandError } from '../arguments/errors.js';

/** compat: the command must not act with the credentials that this process used. */
const REMOVED = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SECURITY_TOKEN', 'AWS_SESSION_TOKEN'];
/** What Linux accepts as `name=value`, without the NUL at its end, and as environment and arguments together. */
const MAX_VARIABLE_BYTES = 131_071;
const MAX_ENVIRONMENT_BYTES = 2 * 1024 * 1024;
/** The NUL at the end of each entry, and the pointer to it. */
const OVERHEAD_BYTES = 9;

/** The environment of a command: `variables`, and unless it is `pristine` those of this process. */
export function buildEnvironment(
  variables: readonly Variable[],
  { pristine }: { pristine: boolean },
): Record<string, string> {
  const environment = pristine ? {} : ownEnvironment();
  for (const name of REMOVED) delete environment[name];
  for (const { name, value } of variables) environment[name] = valueText(value);
  return environment;
}

export function ownEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

/**
 * Checks that the command can be started with these variables, before one that runs is stopped for it. Throws
 * {@link CommandError} for a variable, or environment and arguments together, that no system takes.
 */
export function assertFits(
  variables: readonly Variable[],
  { service, words, pristine }: { service: string; words: readonly string[]; pristine: boolean },
): void {
  const sizeOf = (name: string, value: string): number => Buffer.byteLength(name) + 1 + Buffer.byteLength(value);
  for (const { name, value, source } of variables) {
    const size = sizeOf(name, valueText(value));
    if (size <= MAX_VARIABLE_BYTES) continue;
    throw new CommandError(
      `${shownName(name)} of ${shownSource(source)} is too large for an environment variable: ` +
        `${size} bytes with its name, ${MAX_VARIABLE_BYTES} at most`,
    );
  }
  const sizes = [
    ...Object.entries(buildEnvironment(variables, { pristine })).map(([name, value]) => sizeOf(name, value)),
    ...words.map((word) => Buffer.byteLength(word)),
  ];
  const total = sizes.reduce((sum, size) => sum + size + OVERHEAD_BYTES, 0);
  if (total > MAX_ENVIRONMENT_BYTES) {
    throw new CommandError(
      `the environment and arguments of the command have ${total} bytes, ${MAX_ENVIRONMENT_BYTES} at most: ` +
        `${service} sets ${variables.length} variables`,
    );
  }
}
