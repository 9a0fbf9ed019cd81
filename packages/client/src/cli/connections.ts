import type { ServerSettings } from '../sdk/config/profile.js';
import type { ConfidantClient } from '../sdk/client.js';
import type { Connection, ConnectOptions, KmsConnection } from '../sdk/connect.js';
import { ConfigError } from '../sdk/errors.js';
import type { LoginSession } from '../sdk/session-transport.js';
import { CommandError } from './arguments/errors.js';
import type { GlobalOptions } from './arguments/read-globals.js';
import type { Configuration } from './configuration/configuration.js';
import { concernsLogins } from './configuration/load.js';
import { adviseServerUnreachable } from './failures/unreachable.js';
import { loadDebug } from './load-debug.js';
import { readLogin, writeLogin } from './login/store.js';
import type { Log } from './terminal/log.js';
import type { Progress } from './terminal/progress.js';
import { askSecret } from './terminal/prompt.js';

/** What connections are made with. */
interface ConnectionInput {
  configuration: Configuration;
  globals: GlobalOptions;
  log: Log;
  progress: Progress;
  command: string;
}

/** The connections of one run to the server, made when first asked for. */
export class Connections {
  readonly #input: ConnectionInput;
  #kms: Promise<KmsConnection> | undefined;
  #login: Promise<Connection> | undefined;
  #renewing: Promise<void> = Promise.resolve();

  constructor(input: ConnectionInput) {
    this.#input = input;
  }

  /** The client of {@link current}. */
  async client(): Promise<ConfidantClient> {
    return (await this.current()).client;
  }

  /** Authenticated as the configuration says: with a login, or with KMS tokens. */
  async current(): Promise<Connection> {
    return (await this.#input.configuration.usesLogin()) ? this.login() : this.kms();
  }

  /** Authenticated with KMS tokens, whatever the configuration says. */
  async kms(): Promise<KmsConnection> {
    this.#kms ??= this.#connectKms();
    return this.#kms;
  }

  /** Authenticated with the session of `login`, whatever the configuration says. */
  async login(): Promise<Connection> {
    this.#login ??= this.#connectLogin();
    return this.#login;
  }

  /** Resolves when renewed logins are written: what is written to their file after that, stays. */
  async settled(): Promise<void> {
    await this.#renewing;
  }

  /** Closes the connections, and waits for what they still write. */
  async close(): Promise<void> {
    for (const connection of [this.#kms, this.#login]) (await connection?.catch(() => undefined))?.close();
    await this.settled();
  }

  async #connectKms(): Promise<KmsConnection> {
    const { configuration, log } = this.#input;
    const settings = await configuration.settings();
    const { connect } = await import('../sdk/connect.js');
    const debug = await loadDebug(log);
    let region: string | undefined;
    const options: ConnectOptions = {
      ...(await this.#options()),
      ...(debug && { onToken: (from) => debug.logToken(log, from, settings, region) }),
    };
    const connection = await connect(settings, options).catch((error: unknown) => {
      throw asConfigError(error, settings);
    });
    region = await connection.region();
    await debug?.logKmsAuthentication(log, settings, region);
    return connection;
  }

  async #connectLogin(): Promise<Connection> {
    const { configuration, log } = this.#input;
    const settings = await configuration.serverSettings();
    const { url } = settings;
    const session = await readLogin(url);
    if (session === undefined) throw new CommandError(`you are not logged in at ${url}: run confidant login`);
    await (await loadDebug(log))?.logLoginAuthentication(log, url, session, await this.#whyLogin());
    const { connectSession } = await import('../sdk/connect.js');
    const options = await this.#options();
    try {
      return connectSession(settings, session, {
        ...options,
        onRenewed: (renewed) => {
          this.#renewing = this.#renewing.then(() => storeRenewed(url, renewed, log));
        },
      });
    } catch (error) {
      throw asConfigError(error, settings);
    }
  }

  async #whyLogin(): Promise<string> {
    const { command, configuration, globals } = this.#input;
    if (concernsLogins(command)) return `${command} always uses the login`;
    if (globals.login) return '--login';
    return (await configuration.profile()).login ? 'login: true' : 'there is no auth_key';
  }

  async #options(): Promise<ConnectOptions> {
    const { globals, log, progress } = this.#input;
    const debug = await loadDebug(log);
    return {
      ...(debug && { onAttempt: (event) => debug.logAttempt(log, event) }),
      ...((globals.mfa || globals.mfaSerial !== undefined) && { mfaCode: () => askSecret('MFA code') }),
      ...(globals.mfaSerial !== undefined && { mfaSerial: globals.mfaSerial }),
      onRetry: (event) => {
        const { attempt, retries, delayMs, error } = event;
        const advice = attempt === 1 ? adviseServerUnreachable(error) : '';
        const seconds = Math.ceil(delayMs / 1000);
        log.info(`${error.message}${advice}; trying again in ${seconds} s (${attempt} of ${retries})`);
        debug?.logRetry(log, event);
      },
      onAsking: progress.asking,
      onWarning: (message) => log.warning(message),
      unbundled: true,
    };
  }
}

/** Turns the failures that a wrong setting causes into a ConfigError. */
function asConfigError(error: unknown, { caFile }: ServerSettings): unknown {
  if (error instanceof RangeError || error instanceof TypeError) return new ConfigError([error.message]);
  const isFile = error instanceof Error && 'code' in error;
  return isFile ? new ConfigError([`verify: cannot read ${caFile} (${String(error.code)})`]) : error;
}

async function storeRenewed(url: string, session: LoginSession, log: Log): Promise<void> {
  try {
    // A logout or another login may have come in between: the ended session must not come back.
    if ((await readLogin(url))?.csrfToken === session.csrfToken) await writeLogin(url, session);
  } catch (error) {
    log.warning(`the renewed login could not be stored: ${error instanceof Error ? error.message : 'failed'}`);
  }
}
