import { BLIND_COMMANDS } from './command-table/blind.js';
import { CALLER_COMMANDS } from './command-table/callers.js';
import { CERTIFICATE_COMMANDS } from './command-table/certificates.js';
import { CREDENTIAL_COMMANDS } from './command-table/credentials.js';
import { HISTORY_COMMANDS } from './command-table/history.js';
import { SERVICE_COMMANDS } from './command-table/services.js';
import { VALUE_COMMANDS } from './command-table/values.js';
import type { CommandSpec } from './spec.js';

/** Every command, in the order of `--help`. */
export const COMMANDS: readonly CommandSpec[] = [
  ...VALUE_COMMANDS,
  ...CREDENTIAL_COMMANDS,
  ...SERVICE_COMMANDS,
  ...BLIND_COMMANDS,
  ...HISTORY_COMMANDS,
  ...CERTIFICATE_COMMANDS,
  ...CALLER_COMMANDS,
];
