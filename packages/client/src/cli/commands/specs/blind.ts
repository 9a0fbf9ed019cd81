import { blindCredentialName, oneBlindCredential } from './name-options.js';
import {
  disabled,
  documentation,
  enabled,
  expectedRevision,
  id,
  key,
  merge,
  metadata,
  oneState,
  pairs,
  prompt,
  revision,
  unset,
} from './options.js';
import type { CommandSpec, OptionSpec } from '../../arguments/command-spec.js';

const blindKeys = {
  flags: '--blind-keys <json>',
  text: 'JSON object that maps regions to KMS keys',
  kind: 'json',
} as const satisfies OptionSpec;

const name = { flags: '--name <name>', text: 'name of the blind credential' } as const satisfies OptionSpec;

const contexts = [
  {
    flags: '--group-context <json>',
    text: 'encryption context for all regions, as JSON; KMS decrypts the values only with this context',
    kind: 'json',
  },
  { flags: '--blind-contexts <json>', text: 'JSON object that maps regions to encryption contexts', kind: 'json' },
] as const satisfies readonly OptionSpec[];

const ciphers = [
  { flags: '--cipher-type <type>', text: 'cipher', choices: ['fernet'], fallback: 'fernet' },
  { flags: '--cipher-version <n>', text: 'version of the cipher', kind: 'whole', fallback: 2 },
  { flags: '--no-store-keys', text: 'do not send the names of the keys to the server' },
] as const satisfies readonly OptionSpec[];

const described = [metadata, enabled, disabled, documentation, prompt] as const;

/** Commands on credentials that the server cannot read. */
export const BLIND_COMMANDS = [
  {
    name: 'create_blind_credential',
    prints: 'id',
    summary: 'Encrypt and store a credential that the server cannot read',
    options: [
      { ...blindKeys, required: true },
      ...contexts,
      { ...name, required: true },
      pairs,
      ...ciphers,
      ...described,
    ],
    exclusive: [
      { of: ['group-context', 'blind-contexts'], required: true },
      { of: ['credential-pairs', 'prompt'], required: true },
      oneState,
    ],
    examples: [
      `create_blind_credential --name tls --blind-keys '{"us-east-1":"alias/blind"}' --group-context '{"group":"web-production"}' --credential-pairs @tls.json`,
    ],
    module: 'blind',
  },
  {
    name: 'update_blind_credential',
    prints: 'id',
    summary:
      'Write a new revision of a blind credential; options that you leave out change nothing, and new pairs replace all old ones in all regions unless you give --merge',
    options: [
      id('blind credential'),
      blindCredentialName,
      blindKeys,
      ...contexts,
      name,
      pairs,
      ...ciphers,
      ...described,
      merge,
      unset,
      expectedRevision,
    ],
    exclusive: [
      oneBlindCredential,
      { of: ['group-context', 'blind-contexts'] },
      { of: ['credential-pairs', 'prompt'] },
      oneState,
    ],
    examples: [
      `update_blind_credential --id ID --blind-keys '{"us-east-1":"alias/blind"}' --credential-pairs @tls.json`,
    ],
    module: 'blind',
  },
  {
    name: 'get_blind_credential',
    prints: 'values',
    summary: 'Read a blind credential',
    options: [
      id('blind credential'),
      { flags: '--name <name>', text: 'its exact name, instead of the id', added: true },
      { ...blindCredentialName, text: 'the same as --name' },
      { flags: '--decrypt-blind', text: 'decrypt the values on this machine' },
      key,
      {
        flags: '--prefix <prefix>',
        text: 'for dotenv and shell: put this before every name',
        fallback: 'CREDENTIALS_',
        added: true,
      },
    ],
    exclusive: [{ of: ['id', 'name', 'blind-credential-name'], required: true }],
    examples: [
      'get_blind_credential --id ID --decrypt-blind',
      'get_blind_credential --name tls --decrypt-blind --key ssl_key',
    ],
    module: 'blind',
  },
  {
    name: 'list_blind_credentials',
    summary: 'List blind credentials',
    options: [],
    examples: ['list_blind_credentials --output table'],
    prints: 'list',
    module: 'blind',
  },
  {
    name: 'revert_blind_credential',
    prints: 'id',
    summary: 'Restore an old revision of a blind credential as a new revision',
    options: [id('blind credential'), blindCredentialName, revision, expectedRevision],
    exclusive: [oneBlindCredential],
    examples: ['revert_blind_credential --id ID --revision 1'],
    module: 'blind',
  },
] as const satisfies readonly CommandSpec[];
