import { isDangerousVariable } from '../../text/dangerous-variables.js';
import { conflictsOf, isPortableName, shownName, shownSource, type Variable } from '../../text/variables.js';
import { isTerraformName, toDotenv, toShell, toTfvars } from '../../text/writers.js';
import type { Log } from '../terminal/log.js';

/**
 * Values in a format for other programs. Leaves out, with a warning, names that the format cannot have, and variables
 * that decide which code programs load, unless they are `allowed`.
 */
export function renderValues(
  variables: readonly Variable[],
  format: 'dotenv' | 'shell' | 'tfvars',
  log: Log,
  allowed: readonly string[] = [],
): string {
  const isName = format === 'tfvars' ? isTerraformName : isPortableName;
  // In Terraform names are case-sensitive, so the key is used as it is.
  const renamed = format === 'tfvars' ? variables.map((variable) => ({ ...variable, name: variable.key })) : variables;
  const named = renamed.filter(({ key, name, source }) => {
    const of = shownSource(source);
    const isNamed = isName(key) && isName(name);
    if (isNamed && (format === 'tfvars' || allowed.includes(name) || !isDangerousVariable(name))) return true;
    const what = isName(key) ? `${shownName(name)}, with its prefix,` : `the key ${shownName(key)}`;
    log.warning(
      isNamed
        ? `${name} of ${of} decides what code programs load and is left out: env --require ${name} --output ${format} allows it`
        : `${of}: ${what} is not a valid name in ${format} and is left out`,
    );
    return false;
  });
  for (const { name, source } of conflictsOf(named)) {
    log.warning(`${name} is set by more than one credential; the value of ${shownSource(source)} is used`);
  }
  const last = [...new Map(named.map((variable) => [variable.name, variable])).values()];
  return { dotenv: toDotenv, shell: toShell, tfvars: toTfvars }[format](last);
}
