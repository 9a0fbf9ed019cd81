import type { OptionSpec } from '../../arguments/command-spec.js';

/**
 * Options that take a name where another one takes an id. They are the same in every command, and none is `--name`,
 * which in an update is the new name.
 */

export const credentialName = {
  flags: '--credential-name <name>',
  text: 'exact name of the credential, instead of its id',
  added: true,
} as const satisfies OptionSpec;
export const blindCredentialName = {
  flags: '--blind-credential-name <name>',
  text: 'exact name of the blind credential, instead of its id',
  added: true,
} as const satisfies OptionSpec;
export const oneCredential = { of: ['id', 'credential-name'], required: true } as const;
export const oneBlindCredential = { of: ['id', 'blind-credential-name'], required: true } as const;
export const oneSubject = {
  of: ['credential', 'credential-name', 'blind-credential', 'blind-credential-name', 'service'],
  required: true,
} as const;
export const blindCredNames = {
  flags: '--blind-cred-names <names...>',
  text: 'exact names of blind credentials, instead of ids',
  added: true,
} as const satisfies OptionSpec;
export const credNames = {
  flags: '--cred-names <names...>',
  text: 'exact names of credentials, instead of ids',
  added: true,
} as const satisfies OptionSpec;
