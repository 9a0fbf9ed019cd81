import { AUTH_CONTEXT_KEYS, CONFIG_KEYS, configFiles, loadProfile, URL_VARIABLE } from '../../sdk/config/profile.js';
import type { GlobalOptions } from '../arguments/read-globals.js';
import { similarTo } from '../arguments/similar.js';
import { loadDebug } from '../load-debug.js';
import { localEnvironment } from '../local-environment.js';
import { chooseLogin, type LoginChoice } from '../login/choose.js';
import { COMMAND_LINE_KEYS, type CommandLineProfile } from '../profile.js';
import type { Log } from '../terminal/log.js';
import { override } from './override.js';

/** Commands that change something at the server. */
const CHANGES = /^(?:create_|update_|revert_|map$|add_creds$|remove_creds$)/;

export interface LoadedConfiguration {
  /** The profile of the file with the options over it. */
  profile: CommandLineProfile;
  /** Where the profile comes from, in words. */
  source: string;
  /** Where the server's address comes from, in words. */
  urlSource: string;
  /** What may have been meant, or could be used, if something is missing in the configuration. */
  hints: readonly string[];
}

/** Whether a command begins or ends logins. */
export function concernsLogins(command: string): boolean {
  return command === 'login' || command === 'logout';
}

/**
 * Reads the profile that options and environment name, puts the options over it, and adds the server of the only login
 * where nothing else names a server. Logs what the file has that will not be used. Rejects with ConfigError.
 */
export async function loadConfiguration(
  globals: GlobalOptions,
  log: Log,
  command: string,
): Promise<LoadedConfiguration> {
  const named = { files: globals.configFiles, profile: globals.profile };
  const files = configFiles(named.files);
  const name = named.profile ?? (process.env['CONFIDANT_PROFILE'] || 'default');
  const loaded = await loadProfile(named.files === undefined ? undefined : files, named.profile, COMMAND_LINE_KEYS);
  const { file, urlFrom, known, unknownKeys, namedExist } = loaded;
  const absent =
    file === undefined || known.includes(name)
      ? undefined
      : `${file} has no profile ${name} (it has ${known.join(', ') || 'none'})`;
  // A default profile is often not needed, and its absence worth a word only where a setting is missing.
  const isNamed = name !== 'default' || named.profile !== undefined || !!process.env['CONFIDANT_PROFILE'];
  if (absent !== undefined && isNamed) log.warning(absent);
  for (const key of unknownKeys) log.warning(`${file}: unknown key ${name}.${key}${adviseKey(key)}`);
  if (loaded.profile.verifyOff) log.warning('verify: false has no effect: certificates are always verified');
  const source = file === undefined ? `${files.join(' or ')} (none of them exists)` : `profile ${name} of ${file}`;
  const profile = override(loaded.profile, globals);
  const login =
    profile.url === undefined ? await chooseLogin(loginChoice(profile, globals, command, namedExist)) : undefined;
  const url = profile.url ?? login?.server;
  const configured = urlFrom === 'environment' ? URL_VARIABLE : `url in ${source}`;
  const chosen = login?.server === undefined ? configured : 'the only login';
  const urlSource = globals.url === undefined ? chosen : '--url';
  // A person who has had several logins may mean another one.
  if (login?.server !== undefined && CHANGES.test(command)) log.info(`at ${login.server} (the only login)`);
  const debug = await loadDebug(log);
  if (debug !== undefined) {
    const variable = process.env['CONFIDANT_PROFILE'] ? 'CONFIDANT_PROFILE' : 'by default';
    const profileSource = named.profile === undefined ? variable : '--profile';
    debug.logConfiguration(log, loaded, { files, profile: name, profileSource, url, urlSource });
  }
  return {
    // The API's own responses and logs begin an address with /v1, and so does every path of a call.
    profile: { ...profile, ...(url && { url: url.replace(/\/v1\/*$/, '') }) },
    source,
    urlSource,
    hints: [
      ...(absent === undefined || isNamed ? [] : [absent]),
      ...(file === undefined ? localHint() : []),
      ...(namedExist || !process.env[URL_VARIABLE]
        ? []
        : [`${URL_VARIABLE} is not used, because a profile or file that you named does not exist`]),
      ...(login?.hints ?? []),
    ],
  };
}

/** A token never goes to a server that only a login names. */
function loginChoice(
  { login, authKey }: CommandLineProfile,
  globals: GlobalOptions,
  command: string,
  namedExist: boolean,
): LoginChoice {
  const isUsed = globals.login || (login ?? !authKey);
  return { mayUse: namedExist && (concernsLogins(command) || isUsed), mayHaveEnded: concernsLogins(command) };
}

function localHint(): string[] {
  const local = localEnvironment();
  return local === undefined ? [] : [`for the server that was started here, run: ${local}`];
}

/** What an unknown key of the configuration may stand for. */
function adviseKey(key: string): string {
  const profileKeys = [...CONFIG_KEYS, ...Object.keys(COMMAND_LINE_KEYS)];
  const nested = /^auth_context\.(.*)$/s.exec(key)?.[1];
  if (nested === undefined && AUTH_CONTEXT_KEYS.includes(key)) return `: it belongs under auth_context`;
  if (nested !== undefined && profileKeys.includes(nested)) return `: it belongs beside auth_context, not under it`;
  const keys = nested === undefined ? profileKeys : AUTH_CONTEXT_KEYS;
  const [similar] = similarTo((nested ?? key).replaceAll('-', '_'), keys, 1);
  return similar === undefined ? '' : `; did you mean ${similar}?`;
}
