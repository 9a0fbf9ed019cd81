import {
  CHALLENGE_PATTERN,
  CLI_LOGIN_PAGE,
  CLI_LOGIN_PATH,
  type CliLoginAnswer,
  type CliLoginOffer,
  normalLetters,
} from '@confidant/contract';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { CliCodes } from '../auth/cli-codes.js';
import type { Session } from '../auth/sessions.js';
import { Refusal } from '../domain/refusal.js';
import { type LoggedIn, demandToken } from './callers.js';
import {
  finishLogin,
  formOf,
  jsonOf,
  type LoginOptions,
  PAGE,
  queryOf,
  redirect,
  sendJson,
  subjectOf,
} from './login.js';
import { html, sendPage } from './pages.js';
import { rootOf } from './security.js';

/** What a command line asks for, and where its code goes. */
interface CliRequest {
  challenge: string;
  /** Undefined: the page shows the code, and the person carries it. */
  back: { port: number; state: string } | undefined;
}

const exchangeBody = z.object({
  code: z.string().min(1).max(32_768),
  verifier: z.string().regex(/^[\w.~-]{43,128}$/),
});

const TITLE = 'Let a command line in';

/**
 * Registers the page on which a logged-in person lets a command line act as them, and the exchange of the code it
 * gives. Offered wherever sessions are this server's own.
 */
export function registerCliLogin(server: FastifyInstance, options: LoginOptions): void {
  const { module, callers } = options;
  const codes = (): CliCodes => {
    if (options.cliCodes !== undefined) return options.cliCodes;
    throw new Refusal(
      'not_found',
      module.kind === 'everybody'
        ? 'Authentication is switched off: there is nothing to log in to.'
        : 'Nobody can log in on the command line here.',
    );
  };

  server.get(CLI_LOGIN_PATH, async (request, reply) => {
    codes();
    const offer: CliLoginOffer = { server: rootOf(request, options.reached) };
    return sendJson(reply, offer);
  });

  server.get(CLI_LOGIN_PAGE, PAGE, async (request, reply) => {
    codes();
    const query = queryOf(request);
    const asked = readRequest(new URLSearchParams(query));
    const loggedIn = await callers.loggedIn(request, reply);
    if (loggedIn === undefined) return sendToLogin(options, reply, `${CLI_LOGIN_PAGE}?${query}`);
    demandBrowser(loggedIn.session);
    return askPerson(reply, 200, asked, loggedIn);
  });

  server.post(CLI_LOGIN_PAGE, PAGE, async (request, reply) => {
    const form = formOf(request) ?? new URLSearchParams();
    const loggedIn = await callers.loggedIn(request, reply, true);
    if (loggedIn?.session === undefined) throw new Refusal('unauthenticated');
    demandToken(loggedIn.session, form.get('xsrf'));
    demandBrowser(loggedIn.session);
    const asked = readRequest(form);
    const letters = normalLetters((form.get('letters') ?? '').slice(0, 64));
    if (!/^[A-Z]{8}$/.test(letters)) return askPerson(reply, 400, asked, loggedIn);
    const code = await codes().issue(loggedIn.session, { challenge: asked.challenge, letters });
    options.audit({
      ...subjectOf(loggedIn.person, request),
      action: 'allow',
      resourceType: 'command line session',
      outcome: 'ok',
    });
    return giveCode(reply, asked, code);
  });

  server.post(CLI_LOGIN_PATH, async (request, reply) => {
    // A browser says where it asks from. None has any business here, and a page could log its visitor in as another.
    if (request.headers['sec-fetch-site'] !== undefined) throw new Refusal('csrf');
    const parsed = exchangeBody.safeParse(jsonOf(request));
    if (!parsed.success) throw new Refusal('invalid_request', 'The body must hold `code` and `verifier`.');
    const { code, verifier } = parsed.data;
    const consent = await codes().redeem(code, verifier, rootOf(request, options.reached));
    if (consent === undefined) {
      throw new Refusal(
        'login_failed',
        'This code was used before or is too old, or its letters were not those of the terminal.',
      );
    }
    const { person, saml } = consent;
    const session = await finishLogin(options, request, reply, person, { saml, commandLineOf: consent.session });
    const answer: CliLoginAnswer = {
      email: person.email,
      session_cookie: options.sessionCookie,
      csrf_token: session!.csrf,
    };
    return sendJson(reply, answer);
  });
}

/** Whoever stole the session of a command line shall not multiply it. */
function demandBrowser(session: Session | undefined): void {
  if (session?.commandLine) throw new Refusal('not_authorized', 'Only who logged in with a browser lets others in.');
}

/** @throws Refusal `invalid_request` for what no command line sends */
function readRequest(fields: URLSearchParams): CliRequest {
  const challenge = fields.get('challenge') ?? '';
  const port = fields.get('port') ?? '';
  const state = fields.get('state') ?? '';
  const isCarried = port === '' && state === '';
  const isPort = /^\d{1,5}$/.test(port) && Number(port) >= 1024 && Number(port) < 65_536;
  if (!CHALLENGE_PATTERN.test(challenge) || !(isCarried || (isPort && /^[\w-]{22,128}$/.test(state)))) {
    throw new Refusal('invalid_request', 'This address is not complete. Run `confidant login` again.');
  }
  return { challenge, back: isCarried ? undefined : { port: Number(port), state } };
}

function sendToLogin({ module }: LoginOptions, reply: FastifyReply, here: string): FastifyReply {
  if (module.kind !== 'local') return redirect(reply, `/v1/login?next=${encodeURIComponent(here)}`);
  return sendPage(
    reply,
    401,
    TITLE,
    html`<p>
        First log in here: open the link of <code>npx confidant-admin login-link</code> in this browser. Then come back.
      </p>
      <p><a class="action" href="${here}">I have logged in</a></p>`,
  );
}

/** The person types what the terminal shows: a button alone could be pressed for them, and letters shown are not read. */
function askPerson(
  reply: FastifyReply,
  status: 200 | 400,
  { challenge, back }: CliRequest,
  { person, session }: LoggedIn,
): FastifyReply {
  const field = (name: string, value: string) => html`<input type="hidden" name="${name}" value="${value}" />`;
  const problem =
    status === 400 ? html`<p role="alert">These are not eight letters like <code>BCDF-GHJK</code>.</p>` : html``;
  return sendPage(
    reply,
    status,
    TITLE,
    html`<p>A command line asks to act as <strong id="person">${person.email}</strong>, with everything you may do.</p>
      ${problem}
      <form method="post" action="${CLI_LOGIN_PAGE}" autocomplete="off">
        ${field('xsrf', session?.csrf ?? '')}${field('challenge', challenge)}${field(
          'port',
          back === undefined ? '' : String(back.port),
        )}${field('state', back?.state ?? '')}
        <p>
          <label for="letters">Type the letters that your terminal shows:</label>
          <input
            id="letters"
            name="letters"
            required
            autofocus
            maxlength="16"
            spellcheck="false"
            autocapitalize="characters"
          />
        </p>
        <p>
          Did you not start <code>confidant login</code> yourself, just now? Then whoever gave you letters or sent you
          here wants your access: close this page.
        </p>
        <button>Allow</button>
      </form>`,
  );
}

function giveCode(reply: FastifyReply, { back }: CliRequest, code: string): FastifyReply {
  if (back === undefined) {
    return sendPage(
      reply,
      200,
      TITLE,
      html`<p>Copy this code into the terminal that you started. It works once, within five minutes.</p>
        <p><textarea id="code" readonly rows="8" autofocus>${code}</textarea></p>
        <p><button id="copy" type="button" hidden>Copy</button></p>
        <p>Give it to nobody: whoever asks you for it wants your access.</p>`,
      '/assets/copy.js',
    );
  }
  const address = new URL(`http://127.0.0.1:${back.port}/`);
  address.searchParams.set('code', code);
  address.searchParams.set('state', back.state);
  // Not a redirect: the page's policy lets its form lead to this server only.
  reply.header('refresh', `0; url=${address.href}`);
  return sendPage(
    reply,
    200,
    TITLE,
    html`<p>
      Go back to your terminal. If it still waits, <a id="back" href="${address.href}">bring it the code</a>.
    </p>`,
  );
}
