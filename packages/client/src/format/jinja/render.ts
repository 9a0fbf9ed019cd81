import { runInNewContext } from 'node:vm';
import type { Scalar } from '@confidant/contract';
import { FormatError } from '../formatter.js';
import { Evaluator } from './evaluator.js';
import type { Use } from './expression-parser.js';
import { FILTERS } from './filters.js';
import { GLOBALS } from './members.js';
import { parseTemplate } from './parser.js';
import { Scope } from './scope.js';
import { mapOfPairs } from './values.js';

/** Maximum number of lines that an error names. */
const MAX_LINES = 5;

export interface RenderOptions {
  /** Milliseconds. */
  timeout: number;
  /** Refuses to print or filter what is not defined, as Jinja2's `StrictUndefined`. Default: it prints as nothing. */
  isStrict?: boolean;
}

/**
 * Renders a Jinja template with `secrets`, the map of all pairs. Templates run no code, and what they make is bounded.
 * Throws {@link FormatError} with the template's fault, which repeats no value.
 */
export function renderJinja(
  template: string,
  secrets: Record<string, Scalar>,
  { timeout, isStrict = false }: RenderOptions,
): string {
  try {
    // The context serves only for its limit of time, which holds for everything that is called from there.
    return runInNewContext('work()', { work: () => render(template, secrets, isStrict) }, { timeout }) as string;
  } catch (error) {
    throw error instanceof FormatError ? error : new FormatError(reasonOf(error, timeout));
  }
}

function reasonOf(error: unknown, timeout: number): string {
  // This error is of the other context.
  if ((error as { code?: unknown } | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
    return `the template takes more than ${timeout / 1000} seconds`;
  }
  const isDeep = error instanceof RangeError && error.message.includes('call stack');
  return isDeep ? 'the template is nested too deeply' : 'the template could not be rendered';
}

function render(template: string, secrets: Record<string, Scalar>, isStrict: boolean): string {
  const { body, filters } = parseTemplate(template);
  refuseUnknown(filters);
  const scope = new Scope(undefined, new Map([...GLOBALS, ['secrets', mapOfPairs(secrets)]]));
  return new Evaluator(isStrict).render(body, scope);
}

/** Throws {@link FormatError} for an unknown filter, even if the template never comes to it, as Jinja2 does. */
function refuseUnknown(filters: readonly Use[]): void {
  const unknown = filters.find(({ name }) => !FILTERS.has(name))?.name;
  if (unknown === undefined) return;
  const uses = filters.filter(({ name }) => name === unknown);
  const lines = [...new Set(uses.map(({ line }) => line))].slice(0, MAX_LINES);
  const places = `${lines.length === 1 ? 'line' : 'lines'} ${lines.join(', ')}`;
  const known = [...FILTERS.keys()].sort().join(', ');
  throw new FormatError(`the template is invalid: ${places}: there is no filter ${unknown}; the filters are ${known}`);
}
