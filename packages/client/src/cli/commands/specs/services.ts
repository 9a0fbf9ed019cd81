import { blindCredNames, blindCredentialName, credNames, credentialName } from './name-options.js';
import { disabled, enabled, expectedRevision, oneState, revision } from './options.js';
import type { CommandSpec } from '../../arguments/command-spec.js';

/** Commands on services and what is mapped to them. */
export const SERVICE_COMMANDS = [
  {
    name: 'list_services',
    added: true,
    summary: 'List services; with a credential or blind credential, only those that map it',
    options: [
      { flags: '--credential <id>', text: 'list only services that map this credential' },
      credentialName,
      { flags: '--blind-credential <id>', text: 'list only services that map this blind credential' },
      blindCredentialName,
      { flags: '--limit <n>', text: 'maximum number of results, newest first', kind: 'whole' },
      { flags: '--page <page>', text: 'the next_page that the previous list returned' },
    ],
    exclusive: [{ of: ['credential', 'credential-name', 'blind-credential', 'blind-credential-name', 'limit'] }],
    examples: ['list_services --output table', 'list_services --credential-name database --output id'],
    prints: 'list',
    module: 'services',
  },
  {
    name: 'map',
    added: true,
    prints: 'id',
    summary: 'Map credentials to a service; the service is created if it does not exist',
    options: [
      { flags: '--service <name>', text: 'name of the service: the IAM role it runs as', required: true },
      { flags: '--cred-ids <ids...>', text: 'credentials to add, by id' },
      { flags: '--cred-names <names...>', text: 'credentials to add, by exact name' },
      { flags: '--blind-cred-ids <ids...>', text: 'blind credentials to add, by id' },
      blindCredNames,
      { flags: '--account <account>', text: "account to bind the service to; '' for none" },
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
    summary: 'Map further credentials to a service; the service is created if it does not exist',
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
    summary: 'Remove credentials from a service',
    options: [
      { flags: '--service-id <name>', text: 'name of the service', required: true },
      { flags: '--cred-ids <ids...>', text: 'credentials to remove' },
      credNames,
      { flags: '--blind-cred-ids <ids...>', text: 'blind credentials to remove' },
      blindCredNames,
    ],
    examples: ['remove_creds --service-id web-production --cred-ids ID'],
    module: 'services',
  },
  {
    name: 'revert_service',
    prints: 'id',
    summary: 'Restore an old revision of a service as a new revision',
    options: [{ flags: '--id <name>', text: 'name of the service', required: true }, revision, expectedRevision],
    examples: ['revert_service --id web-production --revision 2'],
    module: 'services',
  },
] as const satisfies readonly CommandSpec[];
