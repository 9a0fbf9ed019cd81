import {
  AUTH_CONTEXT_KEYS,
  completeServerSettings,
  completeSettings,
  CONFIG_KEYS,
  configFiles,
  loadProfile,
  URL_VARIABLE,
  type ClientSettings,
  type ConfigProfile,
  type ServerSettings,
} from '../sdk/config/profile.js';
import { isServerUrl } from '../sdk/config/server-url.js';
import { ConfigError } from '../sdk/errors.js';
import type { Connection, ConnectOptions, KmsConnection } from '../sdk/connect.js';
import type { ConfidantClient } from '../sdk/client.js';
import type { LoginSession } from '../sdk/session-transport.js';
import type { Given } from './arguments/options.js';
import type { Log } from './terminal/log.js';
import { localEnvironment } from './local-environment.js';
import { readLogin, writeLogin } from './login/store.js';
import { chooseLogin, type LoginChoice } from './login/choose.js';
import { CommandError } from './arguments/errors.js';
import { Progress } from './terminal/progress.js';
import { askSecret } from './terminal/prompt.js';
import { similarTo } from './arguments/similar.js';
import { adviseNoServer } from './failures/unreachable.js';

/** compat: the original goes on for ever; a command that never ends helps nobody. */
const DEFAULT_RETRIES = 5;

/** Commands that change something at the server. */
const CHANGES = /^(?:create_|update_|revert_|map$|add_creds$|remove_creds$)/;
const NOT_THERE = 'a profile or a file that was named and is not there';

/** What a command works with. Configuration and connections are made when first asked for. */
export class Context {
  #profile: Promise<Loaded> | undefined;
  #kms: Promise<KmsConnection> | undefined;
  #login: Promise<Connection> | undefined;
  #renewing: Promise<void> = Promise.resolve();
  readonly progress = new Progress();

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

  /** Whether nothing names a server, and no login is kept that could. */
  async isNowhere(): Promise<boolean> {
    const { profile, hints } = await this.#load();
    return profile.url === undefined && hints.length === 0;
  }

  /** Where the configuration comes from, in words. */
  async place(): Promise<string> {
    return (await this.#load()).place;
  }

  /** Where the address of the server comes from, in words. */
  async urlPlace(): Promise<string> {
    return (await this.#load()).urlPlace;
  }

  /** Everything that is needed to talk to the server with KMS tokens. Rejects with ConfigError. */
  async settings(): Promise<ClientSettings> {
    const loaded = await this.#load();
    const { profile, place, urlPlace } = loaded;
    try {
      return completeSettings(profile, { profile: place, url: urlPlace });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const faults = this.#mostUseful(error.faults, profile, place);
      throw new ConfigError([...faults, ...loaded.hints]);
    }
  }

  /** Who has no key at all is told the one line that helps, not each part of what a key needs. */
  #mostUseful(faults: readonly string[], { url, authKey }: ConfigProfile, place: string): readonly string[] {
    if (authKey) return faults;
    if (!url || !isServerUrl(url)) return faults.slice(0, 1);
    const tokens =
      faults.length === 1 ? faults : [`for KMS tokens, set auth_key and auth_context in ${place}: see docs/client.md`];
    // Tokens are nothing that a login could make.
    if (this.argv.command === 'token') return tokens;
    return [`nobody is logged in at ${url}: confidant --url ${url} login, where the server offers it`, ...tokens];
  }

  /** What is needed to talk to the server, whoever one is. Rejects with ConfigError. */
  async serverSettings(): Promise<ServerSettings> {
    const loaded = await this.#load();
    try {
      return completeServerSettings(loaded.profile, { profile: loaded.place, url: loaded.urlPlace });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigError([...error.faults, ...loaded.hints]);
    }
  }

  /**
   * Whether commands authenticate with the session of `login`: when asked for, or when the configuration has no key for
   * tokens and there is such a session. A service never becomes a person because somebody logged in on its machine.
   */
  async usesLogin(): Promise<boolean> {
    const { profile } = await this.#load();
    if (this.globals.flag('login')) return true;
    if (profile.login !== undefined) return profile.login;
    return !profile.authKey && !!profile.url && (await readLogin(profile.url)) !== undefined;
  }

  async connection(): Promise<Connection> {
    return (await this.usesLogin()) ? this.loginConnection() : this.kmsConnection();
  }

  async kmsConnection(): Promise<KmsConnection> {
    this.#kms ??= this.#connect();
    return this.#kms;
  }

  /** Authenticated with the session of `login`, whatever the configuration says. */
  async loginConnection(): Promise<Connection> {
    this.#login ??= this.#connectLogin();
    return this.#login;
  }

  async client(): Promise<ConfidantClient> {
    return (await this.connection()).client;
  }

  /** Resolves when renewed logins are written: what is written to their file after that, stays. */
  async settled(): Promise<void> {
    await this.#renewing;
  }

  /** Ends connections and finishes what goes on beside the command. */
  async close(): Promise<void> {
    for (const connection of [this.#kms, this.#login]) (await connection?.catch(() => undefined))?.close();
    await this.settled();
  }

  async #connect(): Promise<KmsConnection> {
    const settings = await this.settings();
    const { connect } = await import('../sdk/connect.js');
    const debug = await this.debugging();
    let region: string | undefined;
    const telling = debug && {
      onToken: (from: 'cache' | 'kms') => debug.tellToken(this.log, from, settings, region),
    };
    const connection = await connect(settings, { ...(await this.#options()), ...telling }).catch((error: unknown) => {
      throw asConfigError(error, settings);
    });
    region = await connection.region();
    await debug?.tellKmsAuthentication(this.log, settings, region);
    return connection;
  }

  /** What tells at --log-level debug; undefined at others, and not loaded. */
  async debugging(): Promise<typeof import('./debug.js') | undefined> {
    return this.log.tellsDebug ? import('./debug.js') : undefined;
  }

  async #connectLogin(): Promise<Connection> {
    const settings = await this.serverSettings();
    const { url } = settings;
    const session = await readLogin(url);
    if (session === undefined) throw new CommandError(`nobody is logged in at ${url}: confidant login`);
    await (await this.debugging())?.tellLoginAuthentication(this.log, url, session, await this.#whyLogin());
    const { connectSession } = await import('../sdk/connect.js');
    const options = await this.#options();
    try {
      return connectSession(settings, session, {
        ...options,
        onRenewed: (renewed) => {
          this.#renewing = this.#renewing.then(() => keepRenewed(url, renewed, this.log));
        },
      });
    } catch (error) {
      throw asConfigError(error, settings);
    }
  }

  async #whyLogin(): Promise<string> {
    if (this.#isAboutLogins) return `${this.argv.command} is about the login`;
    if (this.globals.flag('login')) return '--login';
    return (await this.profile()).login ? 'login: true' : 'there is no auth_key';
  }

  async #options(): Promise<ConnectOptions> {
    const debug = await this.debugging();
    return {
      ...(debug && { onAttempt: (event) => debug.tellAttempt(this.log, event) }),
      ...(this.globals.flag('mfa') ? { mfaCode: () => askSecret('MFA code') } : {}),
      onRetry: (event) => {
        const { attempt, retries, delayMs, error } = event;
        const advice = attempt === 1 ? adviseNoServer(error) : '';
        const seconds = Math.ceil(delayMs / 1000);
        this.log.info(`${error.message}${advice}; trying again in ${seconds} s (${attempt} of ${retries})`);
        debug?.tellPause(this.log, event);
      },
      onAsking: this.progress.asking,
      onWarning: (message) => this.log.warning(message),
      unbundled: true,
    };
  }

  #load(): Promise<Loaded> {
    this.#profile ??= this.#read();
    return this.#profile;
  }

  async #read(): Promise<Loaded> {
    const named = { files: this.globals.text('config-files'), profile: this.globals.text('profile') };
    const files = configFiles(named.files);
    const name = named.profile ?? (process.env['CONFIDANT_PROFILE'] || 'default');
    const loaded = await loadProfile(named.files === undefined ? undefined : files, named.profile);
    const { profile, file, urlFrom, known, unknownKeys, hasWhatWasNamed } = loaded;
    const absent =
      file === undefined || known.includes(name)
        ? undefined
        : `${file} has no profile ${name} (it has ${known.join(', ') || 'none'})`;
    // Who asks for none may well do without.
    const isAskedFor = name !== 'default' || named.profile !== undefined || !!process.env['CONFIDANT_PROFILE'];
    if (absent !== undefined && isAskedFor) this.log.warning(absent);
    for (const key of unknownKeys) {
      this.log.warning(`${file}: ${name}.${key} means nothing${meantInstead(key)}`);
    }
    if (profile.verifyOff) this.log.warning('verify: false has no effect: certificates are always verified');
    const place = file === undefined ? `${files.join(' or ')} (none of them exists)` : `profile ${name} of ${file}`;
    const whole = { ...profile, ...this.#overrides(profile) };
    const login = whole.url === undefined ? await chooseLogin(this.#loginAskedFor(whole, hasWhatWasNamed)) : undefined;
    const url = whole.url ?? login?.server;
    const isOption = this.globals.text('url') !== undefined;
    const configured = urlFrom === 'environment' ? URL_VARIABLE : `url in ${place}`;
    const urlPlace = isOption ? '--url' : login?.server === undefined ? configured : 'the only login';
    // Who has had several logins may mean another of them.
    if (login?.server !== undefined && CHANGES.test(this.argv.command))
      this.log.info(`at ${login.server} (the only login)`);
    const debug = await this.debugging();
    if (debug !== undefined) {
      const variable = process.env['CONFIDANT_PROFILE'] ? 'CONFIDANT_PROFILE' : 'by default';
      const profilePlace = named.profile === undefined ? variable : '--profile';
      debug.tellConfiguration(this.log, loaded, { files, profile: name, profilePlace, url, urlPlace });
    }
    return {
      // What the API's own answers and logs call its address; every path of a call begins with it.
      profile: { ...whole, ...(url ? { url: url.replace(/\/v1\/*$/, '') } : {}) },
      place,
      urlPlace,
      hints: [
        ...(absent === undefined || isAskedFor ? [] : [absent]),
        ...(file === undefined ? localHint() : []),
        ...(hasWhatWasNamed || !process.env[URL_VARIABLE] ? [] : [`${URL_VARIABLE} does not stand for ${NOT_THERE}`]),
        ...(login?.hints ?? []),
      ],
    };
  }

  get #isAboutLogins(): boolean {
    return ['login', 'logout'].includes(this.argv.command);
  }

  #loginAskedFor(profile: ConfigProfile, hasConfiguration: boolean): LoginChoice {
    const isAboutLogins = this.#isAboutLogins;
    // No token goes to a server that only a login names.
    const uses = this.globals.flag('login') || (profile.login ?? !profile.authKey);
    return { mayUse: hasConfiguration && (isAboutLogins || uses), mayHaveEnded: isAboutLogins };
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

interface Loaded {
  profile: ConfigProfile;
  /** Where it comes from, in words. */
  place: string;
  /** Where the server's address comes from, in words. */
  urlPlace: string;
  /** What may have been meant, or could be used, instead of a configuration in which something is missing. */
  hints: readonly string[];
}

function localHint(): string[] {
  const local = localEnvironment();
  return local === undefined ? [] : [`for the server that was started here: ${local}`];
}

/** What a key of the configuration that does not exist may stand for. */
function meantInstead(key: string): string {
  const nested = /^auth_context\.(.*)$/s.exec(key)?.[1];
  if (nested === undefined && AUTH_CONTEXT_KEYS.includes(key)) return `: it belongs under auth_context`;
  if (nested !== undefined && CONFIG_KEYS.includes(nested)) return `: it belongs beside auth_context, not under it`;
  const keys = nested === undefined ? CONFIG_KEYS : AUTH_CONTEXT_KEYS;
  const [similar] = similarTo((nested ?? key).replaceAll('-', '_'), keys, 1);
  return similar === undefined ? '' : `; did you mean ${similar}?`;
}

/** What the configuration is to blame for, as such. */
function asConfigError(error: unknown, { caFile }: ServerSettings): unknown {
  if (error instanceof RangeError || error instanceof TypeError) return new ConfigError([error.message]);
  const isFile = error instanceof Error && 'code' in error;
  return isFile ? new ConfigError([`verify: can not read ${caFile} (${String(error.code)})`]) : error;
}

async function keepRenewed(url: string, session: LoginSession, log: Log): Promise<void> {
  try {
    // A logout or another login may have come in between: what is over must not come back.
    if ((await readLogin(url))?.csrfToken === session.csrfToken) await writeLogin(url, session);
  } catch (error) {
    log.warning(`the renewed login could not be kept: ${error instanceof Error ? error.message : 'failed'}`);
  }
}
