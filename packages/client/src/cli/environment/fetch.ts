import type { ServiceBody } from '@confidant/contract';
import { fitsVariable, shownName, variablesOf, type Variable } from '../../text/variables.js';
import { CommandError } from '../arguments/errors.js';
import type { Context } from '../context.js';
import { decryptBlind } from '../decrypt-service.js';
import { fetchService } from '../offline-copy.js';
import { sourcesOf } from '../output/sources.js';
import { fingerprintOf } from '../process/watch.js';
import { assertFits } from './build.js';
import { assertLoadsNoCode, checkVariables, explainNoVariables, type VariableOptions } from './check.js';

/** The variables of a service. */
export interface Fetched {
  variables: Variable[];
  /** The names of blind credentials that were not decrypted, and give no variables. */
  undecrypted: string[];
  /** Changes when a credential changes that gives variables. */
  fingerprint: string;
  warnings: string[];
}

/**
 * Fetches the variables of a service for a command, `words`. Rejects with {@link CommandError} when `--strict` or
 * `--require` are not satisfied, for what no environment can hold, and for variables that make programs load code.
 */
export async function fetchVariables(
  context: Context,
  options: VariableOptions,
  words: readonly string[],
  how: { mayWait?: boolean } = {},
): Promise<Fetched> {
  const { service } = await fetchService(context, options.service, how);
  const fingerprint = variablesFingerprint(service, options);
  if (options.blind) await decryptBlind(service, await context.connections.current());
  const used = withBlindIfAsked(service, options);
  const variables = variablesOf(sourcesOf({ result: true, service: used }), options.prefix);
  const warnings = [...explainNoVariables(options, service, variables), ...checkVariables(options, service, variables)];
  // Terraform takes the keys, and no environment.
  if (context.globals.output !== 'tfvars') assertLoadsNoCode(options, variables);
  const unfit = variables.find(({ name, value }) => !fitsVariable(name, value));
  if (unfit !== undefined) {
    throw new CommandError(
      `${JSON.stringify(unfit.name)} of ${shownName(unfit.source.name)} cannot be an environment variable`,
    );
  }
  if (words.length > 0) assertFits(variables, { service: options.service, words, pristine: options.pristine });
  const undecrypted = options.blind ? [] : service.blind_credentials.map(({ name }) => name);
  return { variables, undecrypted, fingerprint, warnings };
}

/** The fingerprint of the credentials of a service that give variables. */
export function variablesFingerprint(service: ServiceBody, options: { blind: boolean }): string {
  return fingerprintOf(withBlindIfAsked(service, options));
}

/** compat: blind credentials give no variables unless asked for. */
function withBlindIfAsked(service: ServiceBody, { blind }: { blind: boolean }): ServiceBody {
  return blind ? service : { ...service, blind_credentials: [] };
}
