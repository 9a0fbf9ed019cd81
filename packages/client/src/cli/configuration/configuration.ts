import {
  completeServerSettings,
  completeSettings,
  type ClientSettings,
  type ConfigProfile,
  type ServerSettings,
} from '../../sdk/config/profile.js';
import { isServerUrl } from '../../sdk/config/server-url.js';
import { ConfigError } from '../../sdk/errors.js';
import type { GlobalOptions } from '../arguments/read-globals.js';
import { readLogin } from '../login/store.js';
import type { CommandLineProfile } from '../profile.js';
import type { Log } from '../terminal/log.js';
import { loadConfiguration, type LoadedConfiguration } from './load.js';

/** The settings of one run: the profile with the options over it, read when first asked for. */
export class Configuration {
  readonly #globals: GlobalOptions;
  readonly #log: Log;
  readonly #command: string;
  #loaded: Promise<LoadedConfiguration> | undefined;

  constructor(globals: GlobalOptions, log: Log, command: string) {
    this.#globals = globals;
    this.#log = log;
    this.#command = command;
  }

  /** The profile with the options over it. Rejects with ConfigError. */
  async profile(): Promise<CommandLineProfile> {
    return (await this.#load()).profile;
  }

  /** Whether nothing names a server, and no login is kept that could. */
  async hasNoServer(): Promise<boolean> {
    const { profile, hints } = await this.#load();
    return profile.url === undefined && hints.length === 0;
  }

  /** Where the profile comes from, in words. */
  async source(): Promise<string> {
    return (await this.#load()).source;
  }

  /** Where the address of the server comes from, in words. */
  async urlSource(): Promise<string> {
    return (await this.#load()).urlSource;
  }

  /** Everything that is needed to talk to the server with KMS tokens. Rejects with ConfigError. */
  async settings(): Promise<ClientSettings> {
    const { profile, source, urlSource, hints } = await this.#load();
    return complete(
      () => completeSettings(profile, { profile: source, url: urlSource }),
      (faults) => [...this.#summarize(faults, profile, source), ...hints],
    );
  }

  /** What is needed to talk to the server, however the caller authenticates. Rejects with ConfigError. */
  async serverSettings(): Promise<ServerSettings> {
    const { profile, source, urlSource, hints } = await this.#load();
    return complete(
      () => completeServerSettings(profile, { profile: source, url: urlSource }),
      (faults) => [...faults, ...hints],
    );
  }

  /**
   * Whether commands authenticate with the session of `login`: when asked for, or when the configuration has no key for
   * tokens and there is such a session. A service never becomes a person because somebody logged in on its machine.
   */
  async usesLogin(): Promise<boolean> {
    const { profile } = await this.#load();
    if (this.#globals.login) return true;
    if (profile.login !== undefined) return profile.login;
    return !profile.authKey && !!profile.url && (await readLogin(profile.url)) !== undefined;
  }

  /** Without any key, one line that helps is better than one for each part of what a key needs. */
  #summarize(faults: readonly string[], { url, authKey }: ConfigProfile, source: string): readonly string[] {
    if (authKey) return faults;
    if (!url || !isServerUrl(url)) return faults.slice(0, 1);
    const tokens =
      faults.length === 1 ? faults : [`for KMS tokens, set auth_key and auth_context in ${source}: see docs/client.md`];
    // A login cannot make tokens.
    if (this.#command === 'token') return tokens;
    return [`you are not logged in at ${url}: run confidant --url ${url} login, if the server offers it`, ...tokens];
  }

  #load(): Promise<LoadedConfiguration> {
    this.#loaded ??= loadConfiguration(this.#globals, this.#log, this.#command);
    return this.#loaded;
  }
}

/** What `make` answers, or a ConfigError with its faults as `explain` words them. */
function complete<Settings>(make: () => Settings, explain: (faults: readonly string[]) => readonly string[]): Settings {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(explain(error.faults));
  }
}
