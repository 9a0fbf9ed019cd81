import { createHash, randomBytes } from 'node:crypto';
import { challengeText, CLI_LOGIN_PAGE, CLI_LOGIN_PATH, isLoopback, lettersOf } from '@confidant/contract/wire';
import type { CliLoginAnswer, CliLoginOffer } from '@confidant/contract';
import { RouteCaller, type AttemptEvent } from '../../sdk/route-caller.js';
import type { ConfidantClient } from '../../sdk/client.js';
import type { ServerSettings } from '../../sdk/config/profile.js';
import { isServerUrl, parseServerUrl } from '../../sdk/config/server-url.js';
import { ConfidantError } from '../../sdk/errors.js';
import { cookieOf, type LoginSession } from '../../sdk/session-transport.js';
import type { Transport } from '../../sdk/transport.js';
import { openTransport } from '../../sdk/connect.js';
import { shellQuote } from '../../text/variables.js';
import { hasBrowser, openBrowser } from '../login/browser.js';
import { Context } from '../context.js';
import { loadDebug } from '../load-debug.js';
import { openLog } from '../terminal/log.js';
import { loginFile, readLogin, removeLogin, writeLogin } from '../login/store.js';
import { listenOnLoopback } from '../login/loopback-server.js';
import { CommandError } from '../arguments/errors.js';
import { success } from '../output/outcome.js';
import { askSecret } from '../terminal/prompt.js';
import { PROGRAM } from '../arguments/command-spec.js';
import type { Handlers } from './handler.js';

/** Time for a person to log in and consent. */
const PATIENCE_MS = 10 * 60_000;

/** Attempts to enter the right code before the login starts over. */
const MAX_TRIES = 5;

export const handlers: Handlers<'login'> = {
  async login(context, options) {
    const settings = await context.configuration.serverSettings();
    const { url } = settings;
    assertPrivate(url);
    const before = await readLogin(url).catch(() => undefined);
    const transport = openTransport(settings);
    try {
      const debug = await loadDebug(context.log);
      const login = new Login(settings, transport, debug && ((event) => debug.logAttempt(context.log, event)));
      await login.assertOffered();
      const inBrowser = options.browser && hasBrowser();
      const session = inBrowser ? await viaLoopback(context, login) : await viaCode(context, login);
      if (before !== undefined) await endReplaced(context);
      await context.connections.settled();
      await writeLogin(url, session);
      if (before !== undefined && before.email !== session.email) {
        context.log.warning(`you were logged in as ${before.email} before`);
      }
      context.log.info(`logged in as ${session.email} at ${url}`);
      if (!(await context.configuration.usesLogin())) {
        const { login } = await context.configuration.profile();
        const reason = login === false ? 'says login: false' : 'has an auth_key';
        context.log.info(`other commands use this login only with --login, because the configuration ${reason}`);
      }
      if (context.globals.url !== undefined) await logServerWithoutUrl(context, url);
      return success({ email: session.email });
    } finally {
      transport.close();
    }
  },

  async logout(context, options) {
    const everywhere = options.everywhere;
    if (!everywhere && (await context.configuration.hasNoServer())) {
      context.log.info('you are not logged in');
      return success();
    }
    const { url } = await context.configuration.serverSettings();
    if ((await readLogin(url)) === undefined) {
      if (everywhere) throw new CommandError(`there is no login at ${url}; ${TO_END_ALL}`);
      context.log.info(`there is no login at ${url}`);
      return success();
    }
    const { client } = await context.connections.login();
    if (everywhere) await endAll(client);
    else await endSession(client);
    await context.connections.settled();
    await removeLogin(url);
    return success();
  },

  async whoami(context) {
    const { email } = await (await context.connections.client()).getUserEmail();
    return success({ email, by: (await context.configuration.usesLogin()) ? 'login' : 'kms' });
  },
};

/** Logs which server other commands use without `--url`. */
async function logServerWithoutUrl({ globals, argv, log }: Context, url: string): Promise<void> {
  const other = new Context({ ...globals, url: undefined }, openLog('critical', PROGRAM), {
    ...argv,
    command: 'whoami',
  });
  const server = await other.configuration.serverSettings().catch(() => undefined);
  if (server === undefined) {
    const file = JSON.stringify({ default: { url } });
    log.info(`to leave out --url from now on, set CONFIDANT_URL, or put this into ~/.confidant: ${file}`);
  } else if (loginFile(server.url) === loginFile(url)) {
    log.info('other commands go to that server without --url too');
  } else {
    log.info(`without --url, commands go to another server: ${server.url} (${await other.configuration.urlSource()})`);
  }
}

/** Ends a session at the server. Rejects with ConfidantError unless the session has certainly ended. */
async function endSession(client: ConfidantClient): Promise<void> {
  const isOver = (error: unknown): boolean => error instanceof ConfidantError && error.status === 401;
  try {
    await client.request('POST', '/v1/logout');
  } catch (error) {
    if (!isOver(error)) throw error;
    // The session may have ended already, or the server may have refused the logout.
    const answer: unknown = await client.getUserEmail().catch((problem: unknown) => problem);
    if (!isOver(answer)) throw error;
  }
}

const TO_END_ALL = 'to end all sessions, log in again, or use "Log out everywhere" on the page of the server';

/** Ends all sessions of the person. Rejects with {@link CommandError} if this one has ended, and cannot do that. */
async function endAll(client: ConfidantClient): Promise<void> {
  try {
    await client.request('POST', '/v1/logout', { body: { everywhere: true } });
  } catch (error) {
    if (!(error instanceof ConfidantError && error.status === 401)) throw error;
    throw new CommandError(`the login has ended; ${TO_END_ALL}`, { cause: error });
  }
}

/** Ends the session of the previous login, which could not be ended once its file is overwritten. */
async function endReplaced(context: Context): Promise<void> {
  try {
    await endSession((await context.connections.login()).client);
  } catch {
    context.log.warning('the previous session could not be ended; it will expire');
  }
}

/** One attempt to log in: the requests to the server, and the proof that the code is for this command line. */
class Login {
  readonly #verifier = randomBytes(32).toString('base64url');
  /** The letters that the person types into the page; only this terminal shows them. */
  readonly letters = lettersOf(randomBytes(8));
  readonly #caller: RouteCaller;
  #setCookie: string | undefined;

  constructor(
    private readonly settings: ServerSettings,
    transport: Transport,
    onAttempt: ((event: AttemptEvent) => void) | undefined,
  ) {
    this.#caller = new RouteCaller({
      ...settings,
      ...(onAttempt && { onAttempt }),
      auth: () => ({}),
      transport: async (request) => {
        const response = await transport(request);
        this.#setCookie = response.headers['set-cookie'];
        return response;
      },
    });
  }

  /** The address that the person logs in at, which a server that relays the login cannot change. */
  get #server(): string {
    const { origin, pathname } = parseServerUrl(this.settings.url);
    return origin + pathname.replace(/\/+$/, '');
  }

  /** Rejects with {@link CommandError} if the server does not offer logins to command lines. */
  async assertOffered(): Promise<void> {
    const offer = await this.#caller
      .request('GET', CLI_LOGIN_PATH, { anonymous: true })
      .catch((error: unknown): Partial<CliLoginOffer> => {
        if (!(error instanceof ConfidantError) || (error.status !== 404 && error.status !== 405)) throw error;
        const said = error.body?.['error'];
        const reason = error.code === 'not_found' && typeof said === 'string' ? `: ${said}` : '';
        throw new CommandError(`${this.#server} offers no login to command lines${reason}`);
      });
    const { server } = offer as Partial<CliLoginOffer>;
    if (typeof server === 'string' && server !== this.#server) {
      // The server chose this text, and a person may paste it into a shell.
      const there = isServerUrl(server) ? new URL(server).href.replace(/\/+$/, '') : undefined;
      const advice = there === undefined ? 'something else' : `${there}: log in there (--url ${shellQuote(there)})`;
      throw new CommandError(`the server at ${this.#server} calls itself ${advice}`);
    }
  }

  /** The address for the browser. */
  address(back: Record<string, string> = {}): string {
    const text = challengeText({ verifier: this.#verifier, server: this.#server, letters: this.letters });
    const challenge = createHash('sha256').update(text).digest('base64url');
    return `${this.#server}${CLI_LOGIN_PAGE}?${new URLSearchParams({ challenge, ...back }).toString()}`;
  }

  /** Exchanges the code for a session; undefined if the server does not accept it for this login. */
  async finish(code: string): Promise<LoginSession | undefined> {
    let answer: Partial<CliLoginAnswer>;
    try {
      const body = { code, verifier: this.#verifier };
      answer = await this.#caller.request('POST', CLI_LOGIN_PATH, { anonymous: true, body });
    } catch (error) {
      if (error instanceof ConfidantError && error.code === 'login_failed') return undefined;
      throw error;
    }
    const { email, session_cookie: cookieName, csrf_token: csrfToken } = answer;
    const session = cookieName === undefined ? undefined : cookieOf(this.#setCookie, cookieName);
    if (!email || !cookieName || !csrfToken || !session?.cookie) {
      throw new CommandError('the server sent no session: does a proxy in between remove cookies?');
    }
    return { email, cookieName, csrfToken, ...session };
  }
}

const REFUSED = 'the server refused the code: did you type the letters exactly as shown here?';

async function viaLoopback({ log, globals }: Context, login: Login): Promise<LoginSession> {
  const state = randomBytes(24).toString('base64url');
  const loopback = await listenOnLoopback();
  try {
    const address = login.address({ port: String(loopback.port), state });
    const received = loopback.receive(state, {
      take: (code) => login.finish(code),
      refused: (left) => log.warning(`${REFUSED} (${left} tries left)`),
      tries: MAX_TRIES,
      timeoutMs: PATIENCE_MS,
    });
    log.info(`log in with your browser, and type these letters when the page asks for them: ${login.letters}`);
    const url = globals.url;
    log.info(
      `if no browser appears, press Ctrl-C and run confidant ${url === undefined ? '' : `--url ${url} `}login --no-browser`,
    );
    void openBrowser(address).then((started) => {
      if (!started) log.info(`no browser could be started; open this address in one on this machine:\n${address}`);
    });
    const session = await received;
    if (session === undefined) throw new CommandError('not logged in: no valid code arrived in time');
    return session;
  } finally {
    loopback.close();
  }
}

async function viaCode({ log }: Context, login: Login): Promise<LoginSession> {
  log.info(`open this address in a browser, and type these letters into the page: ${login.letters}`);
  log.info(login.address());
  for (let left = MAX_TRIES - 1; left >= 0; left -= 1) {
    const session = await login.finish((await askSecret('Code from the page')).trim());
    if (session !== undefined) return session;
    log.warning(`${REFUSED} (${left} tries left)`);
  }
  throw new CommandError('you entered no valid code: run confidant login again');
}

/** Throws {@link CommandError} for a server to which the session would travel unencrypted over a network. */
function assertPrivate(url: string): void {
  const { protocol, hostname } = parseServerUrl(url);
  if (protocol === 'https:' || isLoopback(hostname)) return;
  throw new CommandError(`${url}: a login needs https`);
}
