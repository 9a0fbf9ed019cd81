import type { Given } from '../arguments/options.js';
import type { CommandLineProfile } from '../profile.js';

/** compat: the original retries for ever; a command that never ends helps nobody. */
const DEFAULT_RETRIES = 5;

/** A profile with the global options over it. */
export function override(profile: CommandLineProfile, globals: Given): CommandLineProfile {
  const url = globals.text('url');
  const authKey = globals.text('auth-key');
  const assumeRole = globals.text('assume-role');
  const region = globals.text('region');
  const tokenLifetimeMinutes = globals.number('token-lifetime');
  const tokenVersion = globals.number('token-version');
  const timeoutSeconds = globals.number('timeout');
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
    retries: profile.retries ?? globals.number('retries') ?? DEFAULT_RETRIES,
    ...(authContext !== undefined && { authContext }),
  };
}

/** compat: any one of the three options replaces the whole auth_context of the file. */
function authContextOf(globals: Given): CommandLineProfile['authContext'] {
  const [from, to, userType] = [globals.text('from'), globals.text('to'), globals.text('user-type')];
  if (from === undefined && to === undefined && userType === undefined) return undefined;
  return {
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(userType !== undefined && { userType }),
  };
}
