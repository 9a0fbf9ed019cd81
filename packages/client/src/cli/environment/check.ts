import type { ServiceBody } from '@confidant/contract';
import { isDangerousVariable } from '../../text/dangerous-variables.js';
import {
  conflictsOf,
  isShellName,
  shellQuote,
  shownName,
  shownSource,
  variableName,
  type Variable,
} from '../../text/variables.js';
import { CommandError } from '../arguments/errors.js';

/** With --strict: the value of a variable that stands for "this comes from Confidant". */
const PLACEHOLDER = 'confidant';
const MAX_COMPLAINTS = 20;

/** The options that say which variables a command gets. */
export interface VariableOptions {
  readonly service: string;
  readonly prefix: string;
  readonly blind: boolean;
  readonly strict: boolean;
  readonly require: string | undefined;
  readonly pristine: boolean;
}

/** The names that `--require` lists. */
export function requiredNames({ require }: Pick<VariableOptions, 'require'>): string[] {
  return (require ?? '').split(',').filter((name) => name !== '');
}

/**
 * Throws {@link CommandError} for variables that decide which code programs load, unless `--require` names them: a person
 * who may write a credential must not be able to run code wherever it is mapped.
 */
export function assertLoadsNoCode(options: VariableOptions, variables: readonly Variable[]): void {
  const allowed = requiredNames(options);
  const refused = variables.filter(({ name }) => isDangerousVariable(name) && !allowed.includes(name));
  if (refused.length === 0) return;
  const lines = refused.map(({ name, source }) => {
    const allowing = `--require ${shellQuote(shownName(name))} allows it`;
    return `${shownName(name)} of ${shownSource(source)} decides what code programs load: ${allowing}`;
  });
  throw new CommandError(lines.slice(0, MAX_COMPLAINTS).join('\n'));
}

/** Warns if there are no variables, and says why: without the warning, the command would fail later and elsewhere. */
export function explainNoVariables(
  options: VariableOptions,
  { credentials, blind_credentials: blinds }: ServiceBody,
  { length }: readonly Variable[],
): string[] {
  if (length > 0) return [];
  const reason =
    credentials.length === 0 && blinds.length === 0
      ? 'nothing is mapped to it'
      : credentials.length === 0 && !options.blind
        ? 'only blind credentials are mapped to it (--blind decrypts them)'
        : 'the server does not show the values of its credentials';
  return [`${options.service} sets no variables: ${reason}`];
}

/** Answers warnings. Throws {@link CommandError} for what `--strict` or `--require` do not allow. */
export function checkVariables(
  options: VariableOptions,
  fetched: ServiceBody,
  variables: readonly Variable[],
): string[] {
  const names = new Set(variables.map(({ name }) => name));
  const wanted = requiredNames(options);
  const isStrict = options.strict;
  if (isStrict) wanted.push(...Object.keys(process.env).filter((name) => process.env[name] === PLACEHOLDER));
  const missing = wanted.filter((name) => !names.has(name));
  if (missing.length > 0) {
    const absent = [...new Set(missing)];
    const advice = absent.flatMap((name) => adviseMissing(name, options, fetched, names));
    throw new CommandError([`${options.service} does not set ${absent.join(', ')}`, ...advice].join('\n'));
  }
  const complaints = [
    ...conflictsOf(variables).map(
      ({ name, source }) => `${shownName(name)} is set twice; the value of ${shownSource(source)} is used`,
    ),
    ...variables
      .filter(({ key, name }) => isStrict && !(isShellName(key) && isShellName(name)))
      .map(({ name }) => `${shownName(name)} is not a valid variable name`),
  ];
  if (isStrict && complaints.length > 0) throw new CommandError(complaints.join('\n'));
  return complaints;
}

/** Where a missing variable is: in a blind credential, or under the prefix. */
function adviseMissing(
  name: string,
  { blind, prefix }: VariableOptions,
  { blind_credentials: blinds }: ServiceBody,
  names: ReadonlySet<string>,
): string[] {
  const holder = blinds.find(({ credential_keys: keys }) => keys?.some((key) => variableName(prefix, key) === name));
  if (holder !== undefined && !blind) return [`${name} is in the blind credential ${shownSource(holder)}: add --blind`];
  const prefixed = variableName(prefix, name);
  return prefix !== '' && names.has(prefixed)
    ? [`${name} is set as ${prefixed}: use --prefix '' to drop the prefix`]
    : [];
}
