import type { GlobalOptions } from '../arguments/read-globals.js';
import type { CommandLineProfile } from '../profile.js';

/** compat: the original retries for ever; a command that never ends helps nobody. */
const DEFAULT_RETRIES = 5;

/** A profile with the global options over it. */
export function override(profile: CommandLineProfile, globals: GlobalOptions): CommandLineProfile {
  const url = globals.url;
  const authKey = globals.authKey;
  const assumeRole = globals.assumeRole;
  const region = globals.region;
  const tokenLifetimeMinutes = globals.tokenLifetime;
  const tokenVersion = globals.tokenVersion;
  const timeoutSeconds = globals.timeout;
  const authContext = authContextOf(globals);
  return {
    ...profile,
    ...(url !== undefined && { url }),
    ...(authKey !== undefined && { authKey }),
    ...(assumeRole !== undefined && { assumeRole }),
    ...(region !== undefined && { region }),
    ...(tokenLifetimeMinutes !== undefined && { tokenLifetimeMinutes }),
    ...(tokenVersion !== undefined && { tokenVersion: tokenVersion === 1 ? 1 : 2 }),
    ...(timeoutSeconds !== undefined && { timeoutMs: timeoutSeconds * 1000 }),
    // compat: the file wins over the option.
    retries: profile.retries ?? globals.retries ?? DEFAULT_RETRIES,
    ...(authContext !== undefined && { authContext }),
  };
}

/** compat: any one of the three options replaces the whole auth_context of the file. */
function authContextOf(globals: GlobalOptions): CommandLineProfile['authContext'] {
  const [from, to, userType] = [globals.from, globals.to, globals.userType];
  if (from === undefined && to === undefined && userType === undefined) return undefined;
  return {
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(userType !== undefined && { userType }),
  };
}
