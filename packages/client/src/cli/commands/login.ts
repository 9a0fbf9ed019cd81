import { createHash, randomBytes } from 'node:crypto';
import { checkCode, CLI_LOGIN_PAGE, CLI_LOGIN_PATH } from '@confidant/contract/wire';
import type { CliLoginAnswer } from '@confidant/contract';
import { RouteCaller, parseServerUrl } from '../../caller.js';
import type { ServerSettings } from '../../config.js';
import { ConfidantError } from '../../errors.js';
import { cookieOf } from '../../login-session.js';
import type { LoginSession } from '../../login-session.js';
import type { Transport } from '../../transport.js';
import { openTransport } from '../../connect.js';
import { hasBrowser, openBrowser } from '../browser.js';
import type { Context } from '../context.js';
import { readLogin, removeLogin, writeLogin } from '../login-file.js';
import { listenOnLoopback } from '../loopback.js';
import { CommandError, success } from '../outcome.js';
import type { Handler } from '../outcome.js';
import { askSecret } from '../prompt.js';

/** Time for a person to log in and agree. */
const PATIENCE_MS = 10 * 60_000;

export const handlers: Record<string, Handler> = {
  async login(context, given) {
    const settings = await context.serverSettings();
    assertPrivate(settings.url);
    const transport = openTransport(settings);
    try {
      const login = new Login(settings, transport);
      await login.assertOffered();
      const inBrowser = given.flag('browser') && hasBrowser();
      const session = inBrowser ? await viaLoopback(context, login) : await viaCode(context, login);
      await writeLogin(settings.url, session);
      return success({ email: session.email });
    } finally {
      transport.close();
    }
  },

  async logout(context) {
    const { url } = await context.serverSettings();
    if ((await readLogin(url)) === undefined) {
      context.log.info(`there is no login at ${url}`);
      return success();
    }
    const { client } = await context.loginConnection();
    try {
      await client.request('POST', '/v1/logout');
    } catch (error) {
      // Over already: that is what was wanted.
      if (!(error instanceof ConfidantError) || error.status !== 401) throw error;
    }
    await removeLogin(url);
    return success();
  },

  async whoami(context) {
    const { email } = await (await context.client()).getUserEmail();
    return success({ email, by: (await context.usesLogin()) ? 'login' : 'kms' });
  },
};

/** One attempt to log in: what the server is asked, and the proof that the answer is for this command line. */
class Login {
  readonly #verifier = randomBytes(32).toString('base64url');
  readonly #caller: RouteCaller;
  #setCookie: string | undefined;

  constructor(
    private readonly settings: ServerSettings,
    transport: Transport,
  ) {
    this.#caller = new RouteCaller({
      ...settings,
      auth: () => ({}),
      transport: async (request) => {
        const response = await transport(request);
        this.#setCookie = response.headers['set-cookie'];
        return response;
      },
    });
  }

  get #challenge(): string {
    return createHash('sha256').update(this.#verifier).digest('base64url');
  }

  /** What the page shows too. */
  get check(): string {
    return checkCode(this.#challenge);
  }

  /** Rejects with {@link CommandError} where no command line can log in. */
  async assertOffered(): Promise<void> {
    try {
      await this.#caller.request('GET', CLI_LOGIN_PATH, { anonymous: true });
    } catch (error) {
      if (!(error instanceof ConfidantError) || (error.status !== 404 && error.status !== 405)) throw error;
      const said = error.body?.['error'];
      const reason = error.code === 'not_found' && typeof said === 'string' ? `: ${said}` : '';
      throw new CommandError(`${this.settings.url} offers no login to command lines${reason}`);
    }
  }

  /** The address for the browser. */
  address(back: Record<string, string> = {}): string {
    const base = parseServerUrl(this.settings.url);
    const address = new URL(base.pathname.replace(/\/+$/, '') + CLI_LOGIN_PAGE, base);
    address.search = new URLSearchParams({ challenge: this.#challenge, ...back }).toString();
    return address.href;
  }

  /** Exchanges the code that the person allowed. */
  async finish(code: string): Promise<LoginSession> {
    const answer = await this.#caller.request('POST', CLI_LOGIN_PATH, {
      anonymous: true,
      body: { code, verifier: this.#verifier },
    });
    const { email, session_cookie: cookieName, csrf_token: csrfToken } = answer as Partial<CliLoginAnswer>;
    const cookie = cookieName === undefined ? undefined : cookieOf(this.#setCookie, cookieName);
    if (!email || !cookieName || !csrfToken || !cookie) {
      throw new CommandError('the server gave no session: is a proxy in between that takes cookies away?');
    }
    return { email, cookieName, cookie, csrfToken };
  }
}

async function viaLoopback({ log }: Context, login: Login): Promise<LoginSession> {
  const state = randomBytes(24).toString('base64url');
  const loopback = await listenOnLoopback();
  try {
    const address = login.address({ port: String(loopback.port), state });
    const received = loopback.receive(state, (code) => login.finish(code), PATIENCE_MS);
    log.info(`allow this login in your browser; its page must show ${login.check}`);
    void openBrowser(address).then((started) => {
      if (!started) log.info(`no browser could be started; open this address in one on this machine:\n${address}`);
    });
    const session = await received;
    if (session === undefined) throw new CommandError('nobody logged in within ten minutes');
    return session;
  } finally {
    loopback.close();
  }
}

async function viaCode({ log }: Context, login: Login): Promise<LoginSession> {
  log.info(`open this address in a browser and allow the login; its page must show ${login.check}`);
  log.info(login.address());
  return login.finish((await askSecret('Code of the page')).trim());
}

/** Throws {@link CommandError} for a server that would get the session in the clear, over a network. */
function assertPrivate(url: string): void {
  const { protocol, hostname } = parseServerUrl(url);
  if (protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname)) return;
  throw new CommandError(`${url}: a login needs https`);
}
