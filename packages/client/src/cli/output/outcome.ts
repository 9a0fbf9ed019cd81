import { pythonJson } from '@confidant/contract/wire';
import type { BlindCredentialBody, CredentialBody, Scalar, ServiceBody } from '@confidant/contract';
import type { BlindValue } from '@confidant/kmsauth';
import { isDangerousVariable } from '../../text/dangerous-variables.js';
import {
  conflictsOf,
  isPortableName,
  shownName,
  shownSource,
  valueText,
  variablesOf,
  type ValueSource,
  type Variable,
} from '../../text/variables.js';
import { isTerraformName, toDotenv, toShell, toTfvars, toYaml } from '../../text/writers.js';
import { CommandError } from '../arguments/errors.js';
import type { Context } from '../context.js';
import type { Given } from '../arguments/options.js';
import type { Log } from '../terminal/log.js';
import type { OutputFormat } from '../arguments/command-spec.js';

/** What a command answers. */
export interface Outcome {
  exitCode: number;
  /** Printed as JSON, or in the form that was asked for. */
  body?: OutcomeBody;
  /** Printed as it is, instead. */
  text?: string;
}

/** compat: `result`, and what the command is about. */
export interface OutcomeBody {
  result: boolean;
  service?: ServiceBody;
  credential?: CredentialBody;
  blind_credential?: OpenedBlindCredential;
  [name: string]: unknown;
}

export type OpenedBlindCredential = BlindCredentialBody & { decrypted_credential_pairs?: Record<string, BlindValue> };

export type Handler = (context: Context, given: Given) => Promise<Outcome>;

export function success(body: Record<string, unknown> = {}): Outcome {
  return { exitCode: 0, body: { ...body, result: true } };
}

export function failure(body: Record<string, unknown> = {}): Outcome {
  return { exitCode: 1, body: { ...body, result: false } };
}

/**
 * One value as it is, for `$(...)`: a line end after it on a terminal only. Servers store the keys of credentials in
 * lower case: where no key is exactly the one asked for, the only one that differs in case alone is meant. Throws
 * {@link CommandError} with the names of the keys there are; `what` has them.
 */
export function oneValue(what: string, pairs: Readonly<Record<string, unknown>>, key: string): Outcome {
  const keys = Object.keys(pairs);
  const alike = keys.filter((each) => each.toLowerCase() === key.toLowerCase());
  const meant = Object.hasOwn(pairs, key) ? key : alike.length === 1 ? alike[0] : undefined;
  if (meant === undefined) throw new CommandError(`${what} has no key ${key}; it has ${keys.join(', ') || 'none'}`);
  return { exitCode: 0, text: `${valueText(pairs[meant] as Scalar)}${process.stdout.isTTY ? '\n' : ''}` };
}

/** The text of an answer in a form. Throws {@link CommandError} when it has nothing of that form. */
export async function render(
  body: OutcomeBody,
  format: OutputFormat,
  options: { prefix: string; log: Log },
): Promise<string> {
  if (format === 'json') return `${pythonJson(body, { sortKeys: true, indent: 4 })}\n`;
  if (format === 'yaml') return toYaml(body);
  // These go into other programs, a failure must not.
  if (!body.result) return '';
  const subject = body.service ?? body.credential ?? body.blind_credential;
  const nothing = new CommandError(`there is nothing here to print as ${format}`);
  if (format === 'id' || format === 'table') {
    const { idLine, renderList } = await import('./tables.js');
    if (subject !== undefined && format === 'id') return idLine(subject.id);
    const list = subject === undefined ? renderList(body, format, options.log) : undefined;
    if (list === undefined) throw nothing;
    return list;
  }
  if (subject === undefined) throw nothing;
  return renderValues(variablesOf(sourcesOf(body), options.prefix), format, options.log);
}

/**
 * Values in a form for other programs; what has no name there is left out with a warning, and so is what decides which
 * code programs load, unless it is `allowed`.
 */
export function renderValues(
  variables: readonly Variable[],
  format: 'dotenv' | 'shell' | 'tfvars',
  log: Log,
  allowed: readonly string[] = [],
): string {
  const isName = format === 'tfvars' ? isTerraformName : isPortableName;
  // Terraform tells capitals apart.
  const renamed = format === 'tfvars' ? variables.map((variable) => ({ ...variable, name: variable.key })) : variables;
  const named = renamed.filter(({ key, name, source }) => {
    const of = shownSource(source);
    const isNamed = isName(key) && isName(name);
    if (isNamed && (format === 'tfvars' || allowed.includes(name) || !isDangerousVariable(name))) return true;
    const what = isName(key) ? `${shownName(name)}, with its prefix,` : `the key ${shownName(key)}`;
    log.warning(
      isNamed
        ? `${name} of ${of} decides what programs load and is left out: env --require ${name} --output ${format} allows it`
        : `${of}: ${what} is no name in ${format} and is left out`,
    );
    return false;
  });
  for (const { name, source } of conflictsOf(named)) {
    log.warning(`${name} is given by more than one credential; ${shownSource(source)} counts`);
  }
  const last = [...new Map(named.map((variable) => [variable.name, variable])).values()];
  return { dotenv: toDotenv, shell: toShell, tfvars: toTfvars }[format](last);
}

/** The values an answer holds; of blind credentials those that were decrypted. */
export function sourcesOf({ service, credential, blind_credential: blind }: OutcomeBody): ValueSource[] {
  const plain = [...(service?.credentials ?? []), ...(credential === undefined ? [] : [credential])];
  const blinds: OpenedBlindCredential[] = [
    ...((service?.blind_credentials ?? []) as OpenedBlindCredential[]),
    ...(blind === undefined ? [] : [blind]),
  ];
  return [
    ...plain.map(({ id, name, credential_pairs: pairs }) => ({ id, name, pairs })),
    ...blinds.map(({ id, name, decrypted_credential_pairs: pairs }) => ({
      id,
      name,
      pairs: (pairs ?? {}) as Record<string, Scalar>,
    })),
  ];
}
