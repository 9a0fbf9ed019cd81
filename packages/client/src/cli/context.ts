import { existsSync } from 'node:fs';
import { completeSettings, ConfigError, DEFAULT_CONFIG_FILES, loadProfile } from '../config.js';
import type { ClientSettings, ConfigProfile } from '../config.js';
import { connect } from '../connect.js';
import type { Connection } from '../connect.js';
import type { ConfidantClient } from '../client.js';
import type { Given } from './given.js';
import type { Log } from './log.js';
import { askSecret } from './prompt.js';

/** compat: the original goes on for ever; a command that never ends helps nobody. */
const DEFAULT_RETRIES = 5;

const NO_FILE = '(none of them exists)';
/** What the embedded default writes in the directory that it is started in. */
const LOCAL_ENVIRONMENT = './data/client.env';

/** What a command works with. Configuration and connections are made when first asked for. */
export class Context {
  #profile: Promise<{ profile: ConfigProfile; place: string }> | undefined;
  #connection: Promise<Connection> | undefined;

  constructor(
    readonly globals: Given,
    readonly log: Log,
    /** The arguments, spelled out, for command_wrap. */
    readonly argv: { before: readonly string[]; command: string; after: readonly string[] },
  ) {}

  /** The configuration with the options over it. Rejects with ConfigError. */
  async profile(): Promise<ConfigProfile> {
    return (await this.#load()).profile;
  }

  /** Everything that is needed to talk to the server. Rejects with ConfigError. */
  async settings(): Promise<ClientSettings> {
    const { profile, place } = await this.#load();
    try {
      return completeSettings(profile, place);
    } catch (error) {
      const isLocal = place.endsWith(NO_FILE) && existsSync(LOCAL_ENVIRONMENT);
      if (!(error instanceof ConfigError) || !isLocal) throw error;
      throw new ConfigError([...error.faults, `for the server that was started here: . ${LOCAL_ENVIRONMENT}`]);
    }
  }

  async connection(): Promise<Connection> {
    this.#connection ??= this.#connect();
    return this.#connection;
  }

  async client(): Promise<ConfidantClient> {
    return (await this.connection()).client;
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    connection?.close();
  }

  async #connect(): Promise<Connection> {
    const settings = await this.settings();
    try {
      return await connect(settings, {
        ...(this.globals.flag('mfa') ? { mfaCode: () => askSecret('MFA code') } : {}),
        onRetry: ({ attempt, retries, delayMs, error }) =>
          this.log.info(`${error.message}; trying again in ${Math.ceil(delayMs / 1000)} s (${attempt} of ${retries})`),
        onWarning: (message) => this.log.warning(message),
      });
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) throw new ConfigError([error.message]);
      const isFile = error instanceof Error && 'code' in error;
      if (isFile) throw new ConfigError([`verify: can not read ${settings.caFile} (${String(error.code)})`]);
      throw error;
    }
  }

  #load(): Promise<{ profile: ConfigProfile; place: string }> {
    this.#profile ??= this.#read();
    return this.#profile;
  }

  async #read(): Promise<{ profile: ConfigProfile; place: string }> {
    const listed = this.globals.text('config-files') ?? process.env['CONFIDANT_CONFIG_FILES'];
    const files = listed ? listed.split(',').map((file) => file.trim()) : DEFAULT_CONFIG_FILES;
    const name = this.globals.text('profile') ?? (process.env['CONFIDANT_PROFILE'] || 'default');
    const { profile, file } = await loadProfile(files, name);
    if (profile.verifyOff) this.log.warning('verify: false has no effect: certificates are always verified');
    const place = file === undefined ? `${files.join(' or ')} ${NO_FILE}` : `profile ${name} of ${file}`;
    return { profile: { ...profile, ...this.#overrides(profile) }, place };
  }

  #overrides(profile: ConfigProfile): Partial<ConfigProfile> {
    const { globals } = this;
    const [from, to, userType] = [globals.text('from'), globals.text('to'), globals.text('user-type')];
    const lifetime = globals.number('token-lifetime');
    const version = globals.number('token-version');
    const timeoutSeconds = globals.number('timeout');
    const url = globals.text('url');
    const authKey = globals.text('auth-key');
    const assumeRole = globals.text('assume-role');
    const region = globals.text('region');
    return {
      ...(url === undefined ? {} : { url }),
      ...(authKey === undefined ? {} : { authKey }),
      ...(assumeRole === undefined ? {} : { assumeRole }),
      ...(region === undefined ? {} : { region }),
      ...(lifetime === undefined ? {} : { tokenLifetimeMinutes: lifetime }),
      ...(version === undefined ? {} : { tokenVersion: version === 1 ? 1 : 2 }),
      ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }),
      // compat: the file wins over the option.
      retries: profile.retries ?? globals.number('retries') ?? DEFAULT_RETRIES,
      // compat: any one of the three replaces the whole context of the file.
      ...(from === undefined && to === undefined && userType === undefined
        ? {}
        : {
            authContext: {
              ...(from === undefined ? {} : { from }),
              ...(to === undefined ? {} : { to }),
              ...(userType === undefined ? {} : { userType }),
            },
          }),
    };
  }
}
