import {
  blindCredNames,
  blindCredentialName,
  credNames,
  credentialName,
  oneBlindCredential,
  oneCredential,
  oneSubject,
} from './name-options.js';
import { longName } from './spec.js';
import type { CommandSpec, OptionSpec } from './spec.js';

const id = (what: string): OptionSpec => ({ flags: '--id <id>', text: `id of the ${what}` });
const revision: OptionSpec = {
  flags: '--revision <n>',
  text: 'revision to go back to (default: the one before the current)',
  kind: 'whole',
};
const pairs: OptionSpec = {
  flags: '--credential-pairs <json>',
  text: 'keys and values as JSON; - reads it from standard input, @file from a file',
  kind: 'json',
};
const prompt: OptionSpec = {
  flags: '--prompt <keys...>',
  text: 'ask for the values of these keys, without echo',
  added: true,
};
const documentation: OptionSpec = { flags: '--documentation <text>', text: 'how to rotate the credential' };
const enabled: OptionSpec = { flags: '--enabled', text: 'take the mark of --disabled away' };
const key: OptionSpec = {
  flags: '--key <key>',
  text: 'print the value of this key alone, as it is, for $(...)',
  added: true,
};
const disabled: OptionSpec = {
  flags: '--disabled',
  text: 'mark it disabled, for people; who gets its values stays: take them away with remove_creds',
};
const tags: OptionSpec = { flags: '--tags <tags...>', text: "tags, in place of those there are; '' for none" };
const metadata: OptionSpec = { flags: '--metadata <json>', text: 'metadata as JSON', kind: 'json' };
const oneState = { of: ['enabled', 'disabled'] } as const;

const blindOptions: readonly OptionSpec[] = [
  { flags: '--blind-keys <json>', text: 'region to KMS key, as JSON', kind: 'json' },
  {
    flags: '--group-context <json>',
    text: 'encryption context for all regions, as JSON: KMS opens the values only with it',
    kind: 'json',
  },
  { flags: '--blind-contexts <json>', text: 'region to encryption context, as JSON', kind: 'json' },
  { flags: '--name <name>', text: 'name of the blind credential' },
  pairs,
  { flags: '--cipher-type <type>', text: 'cipher', choices: ['fernet'], fallback: 'fernet' },
  { flags: '--cipher-version <n>', text: 'version of the cipher', kind: 'whole', fallback: 2 },
  { flags: '--no-store-keys', text: 'do not tell the server the names of the keys' },
  metadata,
  enabled,
  disabled,
  documentation,
  prompt,
];

const required = (names: readonly string[], options: readonly OptionSpec[]): OptionSpec[] =>
  options.map((option) => (names.includes(longName(option)) ? { ...option, required: true } : option));

const envOptions: readonly OptionSpec[] = [
  { flags: '--service <name>', text: 'service whose credentials become variables', required: true },
  { flags: '--prefix <prefix>', text: 'put before every name', fallback: 'CREDENTIALS_' },
  { flags: '--wrapped', text: 'this is the inner run of command_wrap' },
  { flags: '--force', text: 'go on although command_safety_regex matches' },
  { flags: '--blind', text: 'decrypt blind credentials too and add their values', added: true },
  {
    flags: '--strict',
    text: 'fail if a variable that the environment sets to `confidant` is not given, two credentials give one name, or a key is no variable name',
    added: true,
  },
  { flags: '--require <names>', text: 'fail if one of these variables is not given; separated by commas', added: true },
  { flags: '--pristine', text: "give the command nothing but the service's values", added: true },
  { flags: '--watch', text: 'restart the command when a credential changes', added: true },
  { flags: '--watch-interval <seconds>', text: 'how often to look', kind: 'seconds', fallback: 60, added: true },
  { flags: '--watch-signal <signal>', text: 'send this instead of restarting, for example SIGHUP', added: true },
];

/** compat: what `env` does without success. */
const envFailure = { exitCode: 255 };

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'get_service',
    prints: 'values',
    summary: 'Read a service with the credentials mapped to it',
    options: [
      { flags: '--service <name>', text: 'name of the service', required: true },
      { flags: '--no-decrypt-blind', text: 'leave blind credentials encrypted' },
      { flags: '--metadata-only', text: 'without any values', added: true },
      {
        flags: '--prefix <prefix>',
        text: 'for dotenv and shell: put before every name',
        fallback: 'CREDENTIALS_',
        added: true,
      },
    ],
    examples: ['get_service --service web-production', 'get_service --service web-production --output dotenv'],
    module: 'services',
  },
  {
    name: 'env',
    prints: 'variables',
    summary: "Run a command with a service's values as variables",
    options: envOptions,
    takesCommand: true,
    failure: envFailure,
    examples: ['env --service web-production -- ./start-web', 'env --service web-production --output shell'],
    module: 'env',
  },
  {
    name: 'run',
    prints: 'variables',
    summary: 'Another name of env',
    options: envOptions,
    takesCommand: true,
    failure: envFailure,
    examples: ['run --service web-production --strict --watch -- ./start-web --port 8000'],
    module: 'env',
  },
  {
    name: 'create_credential',
    prints: 'id',
    summary: 'Create a credential',
    options: [
      { flags: '--name <name>', text: 'name of the credential', required: true },
      pairs,
      prompt,
      metadata,
      tags,
      enabled,
      disabled,
      documentation,
    ],
    exclusive: [{ of: ['credential-pairs', 'prompt'], required: true }, oneState],
    examples: [
      'create_credential --name database --prompt db_user db_password',
      'create_credential --name database --credential-pairs @pairs.json --output id',
    ],
    module: 'credentials',
  },
  {
    name: 'update_credential',
    prints: 'id',
    summary: 'Write a new revision of a credential; what is not given stays, but new pairs replace all the old ones',
    options: [
      id('credential'),
      credentialName,
      { flags: '--name <name>', text: 'new name' },
      pairs,
      prompt,
      metadata,
      tags,
      enabled,
      disabled,
      documentation,
    ],
    exclusive: [oneCredential, { of: ['credential-pairs', 'prompt'] }, oneState],
    examples: [
      'update_credential --id ID --prompt db_user db_password',
      'update_credential --credential-name database --disabled',
    ],
    module: 'credentials',
  },
  {
    name: 'get_credential',
    prints: 'values',
    summary: 'Read a credential',
    options: [
      { flags: '--id <id>', text: 'id of the credential' },
      { flags: '--name <name>', text: 'its exact name, instead of the id' },
      { ...credentialName, text: 'the same as --name' },
      { flags: '--metadata-only', text: 'without its values' },
      { flags: '--prefix <prefix>', text: 'for dotenv and shell: put before every name', fallback: 'CREDENTIALS_' },
      key,
    ],
    exclusive: [{ of: ['id', 'name', 'credential-name'], required: true }, { of: ['key', 'metadata-only'] }],
    examples: ['get_credential --name database', 'get_credential --name database --key db_password'],
    module: 'credentials',
  },
  {
    name: 'list_credentials',
    summary: 'List credentials, without their values',
    options: [
      { flags: '--limit <n>', text: 'only so many, newest first', kind: 'whole' },
      { flags: '--page <page>', text: 'next_page of the list before' },
    ],
    examples: ['list_credentials --output table'],
    prints: 'list',
    module: 'credentials',
  },
  {
    name: 'revert_credential',
    prints: 'id',
    summary: 'Go back to an old revision of a credential; it is written as a new one',
    options: [id('credential'), credentialName, revision],
    exclusive: [oneCredential],
    examples: ['revert_credential --id ID --revision 3', 'revert_credential --credential-name database'],
    module: 'credentials',
  },
  {
    name: 'list_services',
    summary: 'List services; with a credential or blind credential, those it is mapped to',
    options: [
      { flags: '--credential <id>', text: 'only services this credential is mapped to' },
      credentialName,
      { flags: '--blind-credential <id>', text: 'only services this blind credential is mapped to' },
      blindCredentialName,
      { flags: '--limit <n>', text: 'only so many, newest first', kind: 'whole' },
      { flags: '--page <page>', text: 'next_page of the list before' },
    ],
    exclusive: [{ of: ['credential', 'credential-name', 'blind-credential', 'blind-credential-name', 'limit'] }],
    examples: ['list_services --output table', 'list_services --credential-name database --output id'],
    prints: 'list',
    module: 'services',
  },
  {
    name: 'map',
    prints: 'id',
    summary: 'Map credentials to a service; one that does not exist is created',
    options: [
      { flags: '--service <name>', text: 'name of the service: the IAM role it runs as', required: true },
      { flags: '--cred-ids <ids...>', text: 'credentials to add, by id' },
      { flags: '--cred-names <names...>', text: 'credentials to add, by exact name' },
      { flags: '--blind-cred-ids <ids...>', text: 'blind credentials to add, by id' },
      blindCredNames,
      { flags: '--account <account>', text: 'account the service is bound to; empty for none' },
      enabled,
      disabled,
    ],
    exclusive: [oneState],
    examples: ['map --service web-production --cred-names database'],
    module: 'services',
  },
  {
    name: 'add_creds',
    prints: 'id',
    summary: 'Map further credentials to a service; one that does not exist is created',
    options: [
      { flags: '--service-id <name>', text: 'name of the service', required: true },
      { flags: '--cred-ids <ids...>', text: 'credentials to add' },
      credNames,
      { flags: '--blind-cred-ids <ids...>', text: 'blind credentials to add' },
      blindCredNames,
    ],
    examples: [
      'add_creds --service-id web-production --cred-ids ID1 ID2',
      'add_creds --service-id web-production --cred-names database',
    ],
    module: 'services',
  },
  {
    name: 'remove_creds',
    prints: 'id',
    summary: 'Take credentials away from a service',
    options: [
      { flags: '--service-id <name>', text: 'name of the service', required: true },
      { flags: '--cred-ids <ids...>', text: 'credentials to take away' },
      credNames,
      { flags: '--blind-cred-ids <ids...>', text: 'blind credentials to take away' },
      blindCredNames,
    ],
    examples: ['remove_creds --service-id web-production --cred-ids ID'],
    module: 'services',
  },
  {
    name: 'revert_service',
    prints: 'id',
    summary: 'Go back to an old revision of a service; it is written as a new one',
    options: [{ flags: '--id <name>', text: 'name of the service', required: true }, revision],
    examples: ['revert_service --id web-production --revision 2'],
    module: 'services',
  },
  {
    name: 'create_blind_credential',
    prints: 'id',
    summary: 'Encrypt a credential and store it; the server can not read it',
    options: required(['blind-keys', 'name'], blindOptions),
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
      'Write a new revision of a blind credential; what is not given stays, but new pairs replace all the old ones, in all regions',
    options: [id('blind credential'), blindCredentialName, ...blindOptions],
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
      { flags: '--decrypt-blind', text: 'decrypt it' },
      key,
      {
        flags: '--prefix <prefix>',
        text: 'for dotenv and shell: put before every name',
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
    summary: 'Go back to an old revision of a blind credential; it is written as a new one',
    options: [id('blind credential'), blindCredentialName, revision],
    exclusive: [oneBlindCredential],
    examples: ['revert_blind_credential --id ID --revision 1'],
    module: 'blind',
  },
  {
    name: 'history',
    summary: 'List the revisions of a credential, blind credential or service',
    options: [
      { flags: '--credential <id>', text: 'of this credential' },
      credentialName,
      { flags: '--blind-credential <id>', text: 'of this blind credential' },
      blindCredentialName,
      { flags: '--service <name>', text: 'of this service' },
    ],
    exclusive: [oneSubject],
    examples: ['history --service web-production', 'history --credential-name database --output table'],
    prints: 'list',
    module: 'history',
  },
  {
    name: 'diff',
    summary: 'Compare two revisions of a credential, blind credential or service; values are never shown',
    options: [
      { flags: '--credential <id>', text: 'of this credential' },
      credentialName,
      { flags: '--blind-credential <id>', text: 'of this blind credential; nothing is decrypted' },
      blindCredentialName,
      { flags: '--service <name>', text: 'of this service' },
      { flags: '--old <n>', text: 'old revision (default: the one before the new)', kind: 'whole' },
      { flags: '--new <n>', text: 'new revision (default: the current)', kind: 'whole' },
    ],
    exclusive: [oneSubject],
    examples: ['diff --credential-name database', 'diff --service web-production --old 1 --new 4'],
    module: 'history',
  },
  {
    name: 'get_certificate',
    summary: 'Get a certificate and its key',
    options: [
      { flags: '--ca <ca>', text: 'certificate authority', required: true },
      { flags: '--cn <name>', text: 'common name', required: true },
      { flags: '--san <names...>', text: 'subject alternative names' },
      { flags: '--validity <days>', text: 'days it is valid', kind: 'whole', fallback: 120 },
    ],
    examples: ['get_certificate --ca private --cn web-production.example.com --san www.example.com'],
    module: 'certificates',
  },
  {
    name: 'get_certificate_from_csr',
    summary: 'Get a certificate for a signing request',
    options: [
      { flags: '--ca <ca>', text: 'certificate authority', required: true },
      { flags: '--csr-file <file>', text: 'PEM file of the signing request; - reads standard input', required: true },
      { flags: '--validity <days>', text: 'days it is valid', kind: 'whole', fallback: 120 },
    ],
    examples: ['get_certificate_from_csr --ca private --csr-file web.csr'],
    module: 'certificates',
  },
  {
    name: 'get_ca',
    summary: 'Show a certificate authority',
    options: [{ flags: '--ca <ca>', text: 'certificate authority', required: true }],
    examples: ['get_ca --ca private'],
    module: 'certificates',
  },
  {
    name: 'list_cas',
    summary: 'List certificate authorities',
    options: [],
    examples: ['list_cas'],
    prints: 'list',
    module: 'certificates',
  },
  {
    name: 'get_jwt',
    summary: 'Get a JSON Web Token',
    options: [
      { flags: '--environment <name>', text: 'environment the token is for', required: true },
      { flags: '--resource-id <id>', text: 'whom it names, instead of the caller' },
      { flags: '--expiry <seconds>', text: 'how long it is valid', kind: 'whole' },
    ],
    examples: ['get_jwt --environment staging'],
    module: 'certificates',
  },
  {
    name: 'get_jwks',
    summary: 'Get the public keys of an environment',
    options: [{ flags: '--environment <name>', text: 'environment', required: true }],
    examples: ['get_jwks --environment staging'],
    module: 'certificates',
  },
  {
    name: 'login',
    summary: 'Log in through the browser; where the server offers it, other commands then act as you',
    options: [
      {
        flags: '--no-browser',
        text: 'print the address, and ask for the code that its page shows: for a browser on another machine',
      },
    ],
    examples: ['--url https://confidant.example.com login', 'login --no-browser'],
    module: 'login',
  },
  {
    name: 'logout',
    summary: 'End the session of login, at the server and here',
    options: [{ flags: '--everywhere', text: 'end all your sessions: in browsers, and on other command lines' }],
    examples: ['logout', 'logout --everywhere'],
    module: 'login',
  },
  {
    name: 'whoami',
    summary: 'Ask the server who it takes you for',
    options: [],
    examples: ['whoami', '--login whoami'],
    module: 'login',
  },
  {
    name: 'token',
    prints: 'text',
    summary: 'Print a username and token for other programs',
    options: [
      {
        flags: '--format <format>',
        text: 'basic: username:token; headers: for curl -H @-; json',
        choices: ['basic', 'headers', 'json'],
        fallback: 'basic',
      },
    ],
    failure: { exitCode: 1 },
    examples: ['token --format headers | curl -H @- https://confidant.example.com/v1/services/web-production'],
    module: 'token',
  },
  {
    name: 'completion',
    prints: 'text',
    summary: 'Print what makes a shell complete what you type',
    options: [],
    words: '<shell>',
    failure: { exitCode: 1 },
    examples: ['completion bash > /etc/bash_completion.d/confidant'],
    module: 'completion',
  },
];
