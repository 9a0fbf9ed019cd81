import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import { pino } from 'pino';
import { requestFromKwargs } from '../adapters/access/acl-module.js';
import { parsePolicy } from '../adapters/access/policy-file.js';
import { openAccessPolicy } from '../compose/access-policy.js';
import { type AccessRequest, type CredentialDescription, noAcl } from '../domain/acl.js';
import { AdminError, commas, type CommandGroup } from './command.js';
import { adminSettings } from './settings.js';

const TYPES = ['credential', 'blind_credential', 'service', 'certificate', 'ca', 'jwt'] as const;
const ACTIONS = ['list', 'metadata', 'get', 'create', 'update', 'revert', 'archive'] as const;

interface Explained {
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
  const acl = program.command('acl').description('access policies: check one, or ask it who may do what');

  acl
    .command('check <file>')
    .description('check a policy file; lists every fault with its line, and ends with 1 when there is one')
    .action(async (file: string) => {
      const { rules, otherwise } = parsePolicy(await read(file), noAcl, file);
      context.out(`${file}: ${rules.length} rules${otherwise ? ', and the default included' : ''}\n`);
    });

  acl
    .command('explain')
    .description('print allow or deny, and what decided; ends with 0 for allow, 1 for deny, 2 when it can not tell')
    .requiredOption('--principal <type:name>', 'who asks: user:alice@example.com or service:web-production')
    .option('--groups <a,b>', 'groups of the principal', commas, [])
    .option('--account <account>', 'account of a service')
    .addOption(new Option('--action <action>', 'what is asked for').choices(ACTIONS).makeOptionMandatory())
    .requiredOption('--resource <type[:id]>', `${TYPES.join(', ')}, with the id where the action has one`)
    .option('--name <name>', 'name of the credential')
    .option('--tags <x,y>', 'tags of the credential', commas, [])
    .option('--adds <ids>', 'ids of the credentials that a change of a service adds', commas, [])
    .option('--adds-name <name>', 'name of each of them')
    .option('--adds-tags <x,y>', 'tags of each of them', commas, [])
    .option('--kwargs <json>', 'further arguments of the hook, like {"ca":"staging","san":[]}')
    .option('--policy <file>', 'ask this policy file in place of the one of the settings')
    .action(async (options: Explained) => {
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
    throw new AdminError(`${file} can not be read: ${(error as Error).message}`, 1, { cause: error });
  }
}

function requestOf(options: Explained): AccessRequest {
  const [type, name] = split(options.principal);
  if ((type !== 'user' && type !== 'service') || name === undefined) {
    throw new AdminError('--principal: expected user:NAME or service:NAME', 2);
  }
  const [resourceType, resourceId] = split(options.resource);
  if (!isOneOf(TYPES, resourceType))
    throw new AdminError(`--resource: expected one of ${TYPES.join(', ')}, and :ID`, 2);
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
