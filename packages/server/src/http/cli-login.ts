import {
  CHALLENGE_PATTERN,
  CLI_LOGIN_PAGE,
  CLI_LOGIN_PATH,
  type CliLoginAnswer,
  type CliLoginOffer,
  normalLetters,
} from '@confidant/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CliCodes } from '../auth/cli-codes.js';
import { localPath } from '../auth/local-path.js';
import type { Session } from '../auth/session.js';
import { Refusal } from '../domain/refusal.js';
import { type LoggedIn, requireCsrfToken } from './authentication.js';
import type { LoginOptions } from './login-options.js';
import { finishLogin, rememberNext, subjectOf } from './login-session.js';
import { html, sendPage } from './pages.js';
import { PAGE, redirect, sendJson } from './replies.js';
import { formOf, jsonOf, queryOf } from './request-data.js';
import { rootOf } from './security.js';

/** The request of a command line to act as a person. */
interface CliRequest {
  challenge: string;
  /** The port on which the command line waits for the code; undefined if the page shows the code for copying. */
  back: { port: number; state: string } | undefined;
}

const exchangeBody = z.object({
  code: z.string().min(1).max(32_768),
  verifier: z.string().regex(/^[\w.~-]{43,128}$/),
});

const TITLE = 'Authorize the command line';

/**
 * Registers the page on which a logged-in person authorizes a command line to act as them, and the exchange of the code
 * that it gives for a session. Offered wherever this server keeps the sessions itself.
 */
export function registerCliLogin(server: FastifyInstance, options: LoginOptions): void {
  const { module, authentication } = options;
  const codes = (): CliCodes => {
    if (options.cliCodes !== undefined) return options.cliCodes;
    throw new Refusal(
      'not_found',
      module.kind === 'no-authentication'
        ? 'Authentication is off: there is nothing to log in to.'
        : 'This server does not offer logins on the command line.',
    );
  };

  server.get(CLI_LOGIN_PATH, async (request, reply) => {
    codes();
    const offer: CliLoginOffer = { server: rootOf(request, options.transport) };
    return sendJson(reply, offer);
  });

  server.get(CLI_LOGIN_PAGE, PAGE, async (request, reply) => {
    codes();
    const query = queryOf(request);
    const asked = readRequest(new URLSearchParams(query));
    const loggedIn = await authentication.loggedIn(request, reply);
    if (loggedIn === undefined) return sendToLogin(options, request, reply, `${CLI_LOGIN_PAGE}?${query}`);
    requireBrowser(loggedIn.session);
    return askPerson(reply, 200, asked, loggedIn);
  });

  server.post(CLI_LOGIN_PAGE, PAGE, async (request, reply) => {
    const form = formOf(request) ?? new URLSearchParams();
    const loggedIn = await authentication.loggedIn(request, reply, true);
    if (loggedIn?.session === undefined) throw new Refusal('unauthenticated');
    requireCsrfToken(loggedIn.session, form.get('xsrf'));
    requireBrowser(loggedIn.session);
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
    // Only browsers send this header. They are refused, because a page could log its visitor in as someone else.
    if (request.headers['sec-fetch-site'] !== undefined) throw new Refusal('csrf');
    const parsed = exchangeBody.safeParse(jsonOf(request));
    if (!parsed.success) throw new Refusal('invalid_request', 'The body must hold `code` and `verifier`.');
    const { code, verifier } = parsed.data;
    const consent = await codes().redeem(code, verifier, rootOf(request, options.transport));
    if (consent === undefined) {
      throw new Refusal(
        'login_failed',
        'This code was used before, is too old, or was made with other letters than the terminal shows.',
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

/** Refuses sessions of command lines, so that a stolen one cannot authorize others. */
function requireBrowser(session: Session | undefined): void {
  if (session?.commandLine)
    throw new Refusal('not_authorized', 'Only a login in a browser can authorize a command line.');
}

/** @throws Refusal `invalid_request` for fields that no command line sends */
function readRequest(fields: URLSearchParams): CliRequest {
  const challenge = fields.get('challenge') ?? '';
  const port = fields.get('port') ?? '';
  const state = fields.get('state') ?? '';
  const isCopied = port === '' && state === '';
  const isPort = /^\d{1,5}$/.test(port) && Number(port) >= 1024 && Number(port) < 65_536;
  if (!CHALLENGE_PATTERN.test(challenge) || !(isCopied || (isPort && /^[\w-]{22,128}$/.test(state)))) {
    throw new Refusal('invalid_request', 'This address is incomplete. Run `confidant login` again.');
  }
  return { challenge, back: isCopied ? undefined : { port: Number(port), state } };
}

function sendToLogin(options: LoginOptions, request: FastifyRequest, reply: FastifyReply, here: string): FastifyReply {
  if (options.module.kind !== 'local') return redirect(reply, `/v1/login?next=${encodeURIComponent(here)}`);
  rememberNext(options, request, reply, localPath(here));
  return sendPage(
    reply,
    401,
    TITLE,
    html`<p>
        Log in here first: open the link that <code>npx confidant-admin login-link</code> prints in this browser, then
        come back.
      </p>
      <p><a class="action" href="${here}">I have logged in</a></p>`,
  );
}

/**
 * Asks the person to type the letters that the terminal shows. A button alone could be pressed by trickery, and people
 * do not really compare letters that they only see.
 */
function askPerson(
  reply: FastifyReply,
  status: 200 | 400,
  { challenge, back }: CliRequest,
  { person, session }: LoggedIn,
): FastifyReply {
  const field = (name: string, value: string) => html`<input type="hidden" name="${name}" value="${value}" />`;
  const problem = status === 400 ? html`<p role="alert">Type eight letters, like <code>BCDF-GHJK</code>.</p>` : html``;
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
          If you did not just run <code>confidant login</code> yourself, close this page: someone is trying to get your
          access.
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
      html`<p>
          Copy this code into the terminal where you ran <code>confidant login</code>. It works once, within five
          minutes.
        </p>
        <p><textarea id="code" readonly rows="8" autofocus>${code}</textarea></p>
        <p><button id="copy" type="button" hidden>Copy</button></p>
        <p>Do not give it to anyone: someone who asks for it is trying to get your access.</p>`,
      '/assets/copy.js',
    );
  }
  const address = new URL(`http://127.0.0.1:${back.port}/`);
  address.searchParams.set('code', code);
  address.searchParams.set('state', back.state);
  // This is not a redirect, because the page's content security policy lets its form lead only to this server.
  reply.header('refresh', `0; url=${address.href}`);
  return sendPage(
    reply,
    200,
    TITLE,
    html`<p>
      Go back to your terminal. If it is still waiting, <a id="back" href="${address.href}">send it the code</a>.
    </p>`,
  );
}
