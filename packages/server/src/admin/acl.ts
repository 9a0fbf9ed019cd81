import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import { pino } from 'pino';
import { requestFromKwargs } from '../adapters/access/acl-module.js';
import { parsePolicy } from '../adapters/access/parse-policy.js';
import { openAccessPolicy } from '../compose/access-policy.js';
import { type AccessRequest, type CredentialDescription, noAcl } from '../domain/acl.js';
import { AdminError, commas, type CommandGroup } from './command.js';
import { adminSettings } from './settings.js';

const TYPES = ['credential', 'blind_credential', 'service', 'certificate', 'ca', 'jwt'] as const;
const ACTIONS = ['list', 'metadata', 'get', 'create', 'update', 'revert', 'archive'] as const;

interface ExplainOptions {
  principal: string;
  groups: string[];
  account?: string;
  action: AccessRequest['action'];
  resource: string;
  name?: string;
  tags: string[];
  adds: string[];
  addsName?: string;
  addsTags: string[];
  kwargs?: string;
  policy?: string;
}

/** `acl check` and `acl explain`. */
export const aclCommands: CommandGroup = (program, context) => {
  const acl = program.command('acl').description('check an access policy, or ask it who may do what');

  acl
    .command('check <file>')
    .description('check a policy file; lists every error with its line number, and exits with 1 if there is one')
    .action(async (file: string) => {
      const { rules, otherwise } = parsePolicy(await read(file), noAcl, file);
      context.out(`${file}: ${rules.length} rules${otherwise ? ', and the default included' : ''}\n`);
    });

  acl
    .command('explain')
    .description('print allow or deny, and the reason; exits with 0 for allow, 1 for deny, 2 for an error')
    .requiredOption(
      '--principal <type:name>',
      'principal of the request: user:alice@example.com or service:web-production',
    )
    .option('--groups <a,b>', 'groups that the principal is in', commas, [])
    .option('--account <account>', 'account of the principal, if it is a service')
    .addOption(new Option('--action <action>', 'action of the request').choices(ACTIONS).makeOptionMandatory())
    .requiredOption(
      '--resource <type[:id]>',
      `type of the resource (${TYPES.join(', ')}), and its id if the action is on one`,
    )
    .option('--name <name>', 'name of the credential')
    .option('--tags <x,y>', 'tags of the credential', commas, [])
    .option('--adds <ids>', 'ids of the credentials that an update of a service adds', commas, [])
    .option('--adds-name <name>', 'name of each added credential')
    .option('--adds-tags <x,y>', 'tags of each added credential', commas, [])
    .option('--kwargs <json>', 'further arguments for the policy, like {"ca":"staging","san":[]}')
    .option('--policy <file>', 'ask this policy file instead of the policy in the settings')
    .action(async (options: ExplainOptions) => {
      const request = requestOf(options);
      const environment = options.policy
        ? { ...context.environment, ACL_POLICY_FILE: options.policy, ACL_MODULE: '' }
        : context.environment;
      // Authors of policies need no other setting. Exit code 2, because 1 would say deny.
      const settings = await adminSettings({ environment }, /^ACL_/, 2);
      const access = await openAccessPolicy(settings, pino({ level: 'silent' })).catch((error: Error) => {
        throw new AdminError(error.message, 2, { cause: error });
      });
      try {
        const { allowed, reason } = await access.explain(request);
        context.out(`${allowed ? 'allow' : 'deny'}: ${reason}\n`);
        context.exitCode = allowed ? 0 : 1;
      } finally {
        access.close();
      }
    });
};

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new AdminError(`cannot read ${file}: ${(error as Error).message}`, 1, { cause: error });
  }
}

function requestOf(options: ExplainOptions): AccessRequest {
  const [type, name] = split(options.principal);
  if ((type !== 'user' && type !== 'service') || name === undefined) {
    throw new AdminError('--principal: expected user:NAME or service:NAME', 2);
  }
  const [resourceType, resourceId] = split(options.resource);
  if (!isOneOf(TYPES, resourceType))
    throw new AdminError(`--resource: expected one of ${TYPES.join(', ')}, optionally with :ID`, 2);
  const { groups, account, action, tags, adds, addsTags } = options;
  const details = options.kwargs === undefined ? {} : detailsOf(resourceType, options.kwargs);
  const added: CredentialDescription = { name: options.addsName ?? '', tags: addsTags };
  return {
    principal: { name, type, groups, account: account ?? null, authenticatedBy: 'none' },
    resourceType,
    action,
    ...(resourceId !== undefined && { resourceId }),
    ...details,
    ...(resourceType === 'service' &&
      action === 'update' && { mapping: { ids: adds, added: adds, ...details.mapping } }),
    resource: { name: options.name ?? '', tags },
    describe: (ids) => Promise.resolve(new Map(ids.map((id) => [id, added]))),
  };
}

function split(text: string): [string, string | undefined] {
  const colon = text.indexOf(':');
  return colon === -1 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

function isOneOf<Word extends string>(words: readonly Word[], text: string): text is Word {
  return (words as readonly string[]).includes(text);
}

function detailsOf(resourceType: AccessRequest['resourceType'], kwargs: string): ReturnType<typeof requestFromKwargs> {
  let value: unknown;
  try {
    value = JSON.parse(kwargs);
  } catch {
    throw new AdminError('--kwargs: expected a JSON object', 2);
  }
  try {
    return requestFromKwargs(resourceType, value);
  } catch (error) {
    throw new AdminError(`--kwargs: ${(error as Error).message}`, 2, { cause: error });
  }
}
