import { MAX_SECONDS } from '../sdk/config/limits.js';
import { number, path, text, type ConfigProfile, type ProfileKeys } from '../sdk/config/profile.js';

/** What a profile says to the command line alone. Everything may be absent. */
interface CommandLineSettings {
  /** Authenticate with the session of `confidant login` instead of KMS tokens. */
  login: boolean;
  commandWrap: string;
  commandSafetyRegex: string;
  commandSafetyMessage: string;
  /** Where `get_service` and `env` keep an encrypted copy for when the server cannot be reached. */
  offlineCopyDirectory: string;
  offlineCopyMaxAgeHours: number;
  offlineCopyAfterMs: number;
}

/** A profile of the configuration as the command line reads it. */
export type CommandLineProfile = ConfigProfile & Partial<CommandLineSettings>;

// compat: `command_…` are the original's keys; the others are new.
export const COMMAND_LINE_KEYS: ProfileKeys<CommandLineSettings> = {
  command_wrap: { expects: 'a command line', read: text('commandWrap') },
  command_safety_regex: { expects: 'a regular expression', read: text('commandSafetyRegex') },
  command_safety_msg: { expects: 'text', read: text('commandSafetyMessage') },
  offline_copy: { expects: 'the path of a directory', read: path('offlineCopyDirectory') },
  offline_copy_max_age: { expects: 'hours', read: number('offlineCopyMaxAgeHours', { min: 0 }) },
  offline_copy_after: {
    expects: `seconds, more than 0 and at most ${MAX_SECONDS}`,
    read: number('offlineCopyAfterMs', { min: 0.001, max: MAX_SECONDS, scale: 1000 }),
  },
  login: { expects: 'true or false', read: (value) => (typeof value === 'boolean' ? { login: value } : undefined) },
};
