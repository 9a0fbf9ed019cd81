import { BLIND_COMMANDS } from './specs/blind.js';
import { CALLER_COMMANDS } from './specs/callers.js';
import { CERTIFICATE_COMMANDS } from './specs/certificates.js';
import { CREDENTIAL_COMMANDS } from './specs/credentials.js';
import { HISTORY_COMMANDS } from './specs/history.js';
import { SERVICE_COMMANDS } from './specs/services.js';
import { VALUE_COMMANDS } from './specs/values.js';
import type { CommandSpec } from '../arguments/command-spec.js';

const commands = [
  ...VALUE_COMMANDS,
  ...CREDENTIAL_COMMANDS,
  ...SERVICE_COMMANDS,
  ...BLIND_COMMANDS,
  ...HISTORY_COMMANDS,
  ...CERTIFICATE_COMMANDS,
  ...CALLER_COMMANDS,
] as const satisfies readonly CommandSpec[];

/** Every command, in the order of `--help`. */
export const COMMANDS: readonly CommandSpec[] = commands;

/** The spec of any command, with the literal types of its options. */
export type AnyCommand = (typeof commands)[number];
