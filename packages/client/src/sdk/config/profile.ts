import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TokenVersion } from '@confidant/kmsauth';
import { ConfigError } from '../errors.js';
import { isServerUrl } from './server-url.js';
import { MAX_SECONDS } from './limits.js';
import { parsePlainYaml } from './simple-yaml.js';

/** Where the configuration is looked for; the first file that exists is used, alone. */
export const DEFAULT_CONFIG_FILES = ['~/.confidant', '/etc/confidant/config'];
/** Some hundred profiles; YAML takes long to read where a file is made for that. */
const MAX_CONFIG_BYTES = 64 * 1024;

/** Who sends tokens to whom. Without `from`, a user's name is asked of IAM. */
export interface AuthContext {
  from?: string;
  to: string;
  userType: string;
}

/** How to talk to a server and to AWS, whoever one is. */
export interface ServerSettings {
  url: string;
  region?: string;
  /** Name or ARN of a role to assume through STS. */
  assumeRole?: string;
  retries: number;
  backoffMs: number;
  /** A file of PEM certificates to trust instead of the system's. */
  caFile?: string;
  timeoutMs: number;
}

/** What a client with KMS tokens is made of, after files and options were brought together. */
export interface ClientSettings extends ServerSettings {
  authKey: string;
  authContext: AuthContext;
  tokenLifetimeMinutes: number;
  tokenVersion: TokenVersion;
  /** Empty: no cache. */
  tokenCacheFile: string;
}

/** What a configuration file says, checked. Everything may be absent. */
export interface ConfigProfile extends Partial<Omit<ClientSettings, 'authContext'>> {
  authContext?: Partial<AuthContext>;
  /** `verify: false` stood in the file. */
  verifyOff?: true;
}

/**
 * Keys of a profile by their names in the file: what values they take, in words, and what a value means. `read` answers
 * undefined for a value of the wrong type.
 */
export type ProfileKeys<Profile> = Readonly<
  Record<string, { expects: string; read: (value: unknown) => Partial<Profile> | undefined }>
>;

/** Reads text into the field `name`. */
export const text =
  <Name extends string>(name: Name) =>
  (value: unknown): Record<Name, string> | undefined =>
    typeof value === 'string' ? ({ [name]: value } as Record<Name, string>) : undefined;

/** Reads the path of a file or directory into the field `name`; a leading `~` is the home directory. */
export const path =
  <Name extends string>(name: Name) =>
  (value: unknown): Record<Name, string> | undefined =>
    typeof value === 'string' ? ({ [name]: expandHome(value) } as Record<Name, string>) : undefined;

/** Reads a number, or the text of one, into the field `name`; `scale` turns the file's unit into ours. */
export const number =
  <Name extends string>(
    name: Name,
    { min, max = Infinity, scale = 1, whole = false }: { min: number; max?: number; scale?: number; whole?: boolean },
  ) =>
  (value: unknown): Record<Name, number> | undefined => {
    const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof parsed !== 'number' || !Number.isFinite(parsed) || parsed < min || parsed > max) return undefined;
    return whole && !Number.isInteger(parsed) ? undefined : ({ [name]: parsed * scale } as Record<Name, number>);
  };

// compat: the keys of the original's configuration file.
const KEYS: ProfileKeys<ConfigProfile> = {
  url: { expects: 'the address of the server', read: text('url') },
  auth_key: { expects: 'an alias or ARN of a KMS key', read: text('authKey') },
  auth_context: { expects: 'a map with from, to and user_type', read: readAuthContext },
  region: { expects: 'the name of an AWS region', read: text('region') },
  assume_role: { expects: 'the name or ARN of a role', read: text('assumeRole') },
  token_lifetime: {
    expects: `minutes, more than 3 and at most ${MAX_SECONDS}`,
    read: number('tokenLifetimeMinutes', { min: 3.01, max: MAX_SECONDS }),
  },
  token_version: {
    expects: '1 or 2',
    read: (value) =>
      Number(value) === 1 || Number(value) === 2 ? { tokenVersion: Number(value) as TokenVersion } : undefined,
  },
  token_cache_file: {
    expects: 'a path, or empty text for no cache',
    read: path('tokenCacheFile'),
  },
  retries: { expects: 'a whole number, 0 or more', read: number('retries', { min: 0, whole: true }) },
  backoff: {
    expects: `seconds, at most ${MAX_SECONDS}`,
    read: number('backoffMs', { min: 0, max: MAX_SECONDS, scale: 1000 }),
  },
  verify: {
    expects: 'true, or the path of a CA file',
    read: (value) => {
      if (typeof value === 'string') return { caFile: expandHome(value) };
      return value === true ? {} : value === false ? { verifyOff: true } : undefined;
    },
  },
  timeout: {
    expects: `seconds, more than 0 and at most ${MAX_SECONDS}`,
    read: number('timeoutMs', { min: 0.001, max: MAX_SECONDS, scale: 1000 }),
  },
};

const DEFAULTS = {
  tokenLifetimeMinutes: 10,
  tokenVersion: 2,
  tokenCacheFile: '/dev/shm/confidant/confidant_token',
  retries: 0,
  backoffMs: 1000,
  timeoutMs: 5000,
} as const;

export interface LoadedProfile<Added = unknown> {
  profile: ConfigProfile & Partial<Added>;
  /** The file that was read; undefined when none exists. */
  file: string | undefined;
  /** The files that were looked for before, and are not there. */
  absentFiles: readonly string[];
  /**
   * False where a profile or a file was named that is not there. Who names one means its server: CONFIDANT_URL is not
   * used then, and no login.
   */
  namedExist: boolean;
  /** Where `url` of the profile comes from; undefined when it has none. */
  urlFrom?: 'file' | 'environment';
  /** The names of the profiles in it. */
  known: readonly string[];
  /** Keys of the profile that were not read: `urll`, `auth_context.form`, and those that only the command line reads. */
  unknownKeys: readonly string[];
}

/** The server's address where neither an option nor the configuration says one. */
export const URL_VARIABLE = 'CONFIDANT_URL';

/** The keys of a profile, and of its auth_context. */
export const CONFIG_KEYS: readonly string[] = Object.keys(KEYS);
export const AUTH_CONTEXT_KEYS: readonly string[] = ['from', 'to', 'user_type'];

/** The configuration files that CONFIDANT_CONFIG_FILES lists, separated by commas, or the usual ones. */
export function configFiles(listed = process.env['CONFIDANT_CONFIG_FILES']): readonly string[] {
  return listed ? listed.split(',').map((file) => file.trim()) : DEFAULT_CONFIG_FILES;
}

/**
 * Reads one profile of the first of `files` that exists, by default those of CONFIDANT_CONFIG_FILES; `profile` is by
 * default that of CONFIDANT_PROFILE. Files are YAML or JSON with profiles at the top; a missing file or profile counts as
 * empty, and unknown keys are ignored, and listed. `added` are keys to read besides those of the SDK. A profile without
 * `url` gets that of CONFIDANT_URL, unless a file or profile that was named, here or in the environment, does not exist.
 * Throws {@link ConfigError} with all faults at once for a file that cannot be read or parsed, or whose values have the
 * wrong type.
 */
export async function loadProfile<Added = unknown>(
  files?: readonly string[],
  profile?: string,
  added: ProfileKeys<Added> = {},
): Promise<LoadedProfile<Added>> {
  const name = profile ?? (process.env['CONFIDANT_PROFILE'] || undefined);
  const read = await readProfile(files ?? configFiles(), name ?? 'default', added);
  const namesFiles = files !== undefined || !!process.env['CONFIDANT_CONFIG_FILES'];
  const hasFile = !namesFiles || read.file !== undefined;
  const loaded = { ...read, namedExist: hasFile && (name === undefined || read.known.includes(name)) };
  if (loaded.profile.url) return { ...loaded, urlFrom: 'file' };
  const url = loaded.namedExist ? process.env[URL_VARIABLE] : undefined;
  return url ? { ...loaded, profile: { ...loaded.profile, url }, urlFrom: 'environment' } : loaded;
}

async function readProfile<Added>(
  files: readonly string[],
  profile: string,
  added: ProfileKeys<Added>,
): Promise<Omit<LoadedProfile<Added>, 'namedExist' | 'urlFrom'>> {
  const paths = files.map(expandHome);
  const file = await firstExisting(paths);
  const absentFiles = file === undefined ? paths : paths.slice(0, paths.indexOf(file));
  if (file === undefined) return { profile: {}, file, absentFiles, known: [], unknownKeys: [] };
  const profiles = await parseConfig(file, await readConfig(file));
  const raw = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined;
  const known = Object.keys(profiles);
  if (raw === undefined || raw === null) return { profile: {}, file, absentFiles, known, unknownKeys: [] };
  if (!isMap(raw)) throw new ConfigError([`${file}: profile ${profile} must be a map`]);
  const faults: string[] = [];
  const read: ConfigProfile & Partial<Added> = {};
  const keys: Record<string, { expects: string; read: (value: unknown) => object | undefined }> = { ...KEYS, ...added };
  for (const [key, { expects, read: reader }] of Object.entries(keys)) {
    const value = raw[key];
    if (value === undefined || value === null) continue;
    const found = reader(value);
    if (found === undefined) faults.push(`${file}: ${profile}.${key} must be ${expects}`);
    else Object.assign(read, found);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return { profile: read, file, absentFiles, known, unknownKeys: unknownKeysOf(raw, Object.keys(keys)) };
}

/**
 * The names of the profiles of the first of `files` that exists. Throws {@link ConfigError} for a file that cannot be
 * read or parsed.
 */
export async function profileNames(files: readonly string[]): Promise<readonly string[]> {
  const file = await firstExisting(files.map(expandHome));
  return file === undefined ? [] : Object.keys(await parseConfig(file, await readConfig(file)));
}

/** compat: the original ignores them too. */
function unknownKeysOf(profile: Record<string, unknown>, keys: readonly string[]): string[] {
  const { auth_context: context } = profile;
  return [
    ...Object.keys(profile).filter((key) => !keys.includes(key)),
    ...Object.keys(isMap(context) ? context : {})
      .filter((key) => !AUTH_CONTEXT_KEYS.includes(key))
      .map((key) => `auth_context.${key}`),
  ];
}

/** Where a profile comes from, in words, for the messages of a command line, which has options for what is missing. */
export interface SettingsPlace {
  /** The file and profile that were read. */
  profile: string;
  /** Where the address of the server stands. */
  url: string;
}

/**
 * Fills in the defaults. Throws {@link ConfigError} that says what is missing and where to put it: in the
 * configuration, under this or that name of `profile`, or, with `place`, in the file that it names or an option.
 */
export function completeSettings(profile: ConfigProfile, place?: SettingsPlace): ClientSettings {
  const faults: string[] = [];
  const need = (key: string, name: string, option: string, what: string): void => {
    faults.push(
      place === undefined
        ? `no ${what}: set ${key} in the configuration (in settings, ${name})`
        : `no ${what}: set ${key} in ${place.profile}, or give ${option}`,
    );
  };
  const { url } = profile;
  if (!url) faults.push(noUrl(place));
  else if (!isServerUrl(url)) faults.push(wrongUrl(place));
  if (!profile.authKey) need('auth_key', 'authKey', '--auth-key', 'key to authenticate with');
  const { from, to, userType } = profile.authContext ?? {};
  if (!to) need('auth_context.to', 'authContext.to', '--to', 'name of the server (its AUTH_CONTEXT)');
  if (!userType) need('auth_context.user_type', 'authContext.userType', '--user-type', 'user type (user or service)');
  else if (!from && userType !== 'user') {
    need('auth_context.from', 'authContext.from', '--from', 'name to authenticate as');
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return {
    ...DEFAULTS,
    ...profile,
    url: url!,
    authKey: profile.authKey!,
    authContext: { ...(from ? { from } : {}), to: to!, userType: userType! },
  };
}

/** The same for what needs no KMS token. */
export function completeServerSettings(profile: ConfigProfile, place?: SettingsPlace): ServerSettings {
  const { url } = profile;
  if (!url) throw new ConfigError([noUrl(place)]);
  if (!isServerUrl(url)) throw new ConfigError([wrongUrl(place)]);
  return { ...DEFAULTS, ...profile, url };
}

function noUrl(place?: SettingsPlace): string {
  if (place === undefined) return `no server address: set url in settings (loadProfile reads ${URL_VARIABLE}, too)`;
  return `no server address: set url in ${place.profile}, or give --url, or set ${URL_VARIABLE}`;
}

/** Does not repeat it: it may hold a password. */
function wrongUrl(place?: SettingsPlace): string {
  return (
    'the server address must be like https://confidant.example.com, without user and password: ' +
    // With settings alone, it is not known where they come from.
    (place?.url ?? `url in settings, which loadProfile reads from the configuration or ${URL_VARIABLE}`)
  );
}

/** Replaces a leading `~` by the home directory. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

async function firstExisting(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) continue;
    if (found.size > MAX_CONFIG_BYTES) throw tooLarge(file);
    return file;
  }
  return undefined;
}

async function readConfig(file: string): Promise<string> {
  const content = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError([`${file}: cannot be read (${error.code})`]);
  });
  // It may have grown meanwhile.
  if (content.length > MAX_CONFIG_BYTES) throw tooLarge(file);
  return content.toString('utf8');
}

function tooLarge(file: string): ConfigError {
  return new ConfigError([`${file}: larger than ${MAX_CONFIG_BYTES} bytes, the limit for a configuration file`]);
}

async function parseConfig(file: string, content: string): Promise<Record<string, unknown>> {
  const value = parseJsonConfig(content) ?? parsePlainYaml(content) ?? (await parseYamlConfig(file, content));
  if (value === null || value === undefined) return {};
  if (!isMap(value)) throw new ConfigError([`${file}: must be a map of profiles`]);
  return value;
}

async function parseYamlConfig(file: string, content: string): Promise<unknown> {
  const { parse, YAMLParseError } = await import('yaml');
  try {
    // compat: the original reads YAML 1.1, where `yes` is true and the last of two equal keys counts. Looking for equal
    // keys takes the square of their number.
    return parse(content, { version: '1.1', uniqueKeys: false, logLevel: 'error', prettyErrors: false });
  } catch (error) {
    const { placeOf, inspectJson } = await import('../../text/json-syntax.js');
    // Of a file that looks like JSON the YAML parser says where it is no YAML either.
    const json = content.trimStart().startsWith('{') ? inspectJson(content).errorOffset : undefined;
    const offset = json ?? (error instanceof YAMLParseError ? error.pos[0] : undefined);
    // The parser's message may quote the file.
    const where = offset === undefined ? '' : ` (${placeOf(content, offset)})`;
    throw new ConfigError([`${file}: is not valid YAML or JSON${where}`]);
  }
}

/** JSON is YAML too, but needs no YAML parser to be loaded. */
function parseJsonConfig(content: string): unknown {
  if (!content.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

function readAuthContext(value: unknown): Partial<ConfigProfile> | undefined {
  if (!isMap(value)) return undefined;
  const { from, to, user_type: userType } = value;
  for (const part of [from, to, userType]) if (part != null && typeof part !== 'string') return undefined;
  return {
    authContext: {
      ...(from ? { from: from as string } : {}),
      ...(to ? { to: to as string } : {}),
      ...(userType ? { userType: userType as string } : {}),
    },
  };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
