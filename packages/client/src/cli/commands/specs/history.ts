import { blindCredentialName, credentialName, oneSubject } from './name-options.js';
import type { CommandSpec } from '../../arguments/command-spec.js';

/** Commands on the revisions of credentials, blind credentials and services. */
export const HISTORY_COMMANDS = [
  {
    name: 'history',
    added: true,
    summary: 'List the revisions of a credential, blind credential or service',
    options: [
      { flags: '--credential <id>', text: 'id of the credential' },
      credentialName,
      { flags: '--blind-credential <id>', text: 'id of the blind credential' },
      blindCredentialName,
      { flags: '--service <name>', text: 'name of the service' },
    ],
    exclusive: [oneSubject],
    examples: ['history --service web-production', 'history --credential-name database --output table'],
    prints: 'list',
    module: 'history',
  },
  {
    name: 'diff',
    added: true,
    summary: 'Compare two revisions of a credential, blind credential or service; values are never shown',
    options: [
      { flags: '--credential <id>', text: 'id of the credential' },
      credentialName,
      { flags: '--blind-credential <id>', text: 'id of the blind credential; nothing is decrypted' },
      blindCredentialName,
      { flags: '--service <name>', text: 'name of the service' },
      { flags: '--old <n>', text: 'old revision (default: the one before --new)', kind: 'whole' },
      { flags: '--new <n>', text: 'new revision (default: the current one)', kind: 'whole' },
    ],
    exclusive: [oneSubject],
    examples: ['diff --credential-name database', 'diff --service web-production --old 1 --new 4'],
    module: 'history',
  },
] as const satisfies readonly CommandSpec[];
