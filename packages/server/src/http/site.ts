import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { Refusal } from '../domain/refusal.js';
import type { LoginModule, LoginOptions } from './login-options.js';
import { rememberNext } from './login-session.js';
import { ACCOUNT_SCRIPT, COPY_SCRIPT, html, LOGIN_DONE_SCRIPT, LOGIN_SCRIPT, type Markup, sendPage } from './pages.js';
import { PAGE, redirect } from './replies.js';
import { nextOf } from './request-data.js';
import { DATA_HEADERS, rootOf } from './security.js';

/** compat: files that are the same for everyone may be cached for half a day. */
const CACHED = 'public, max-age=43200';
const ROBOTS = 'User-agent: *\nDisallow: /\n';
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-3 -9 32 32"><style>path{fill:#23262c}@media(prefers-color-scheme:dark){path{fill:#ecebe7}}</style>' +
  '<path fill-rule="evenodd" d="M0 .4 26 0l-.2 13.6L.2 14zM13 3.2a2.1 2.1 0 0 0-1.1 3.9l-.7 3.7h3.6l-.7-3.7A2.1 2.1 0 0 0 13 3.2z"/></svg>';

/** Registers the pages and files around the login. */
export function registerSite(server: FastifyInstance, options: LoginOptions, customDirectory: string): void {
  const { module, authentication } = options;

  server.get('/account', PAGE, async (request, reply) => {
    if (module.kind === 'no-authentication') {
      return sendPage(reply, 200, 'No login', html`<p>Authentication is off: everyone may do everything.</p>`);
    }
    const loggedIn = await authentication.loggedIn(request, reply);
    if (loggedIn === undefined) return redirect(reply, '/loggedout?next=%2Faccount');
    const { firstName, lastName, email } = loggedIn.person;
    const name = [firstName, lastName].filter((part) => part !== null).join(' ');
    const token = html`<input type="hidden" name="xsrf" value="${loggedIn.session?.csrf ?? ''}" />`;
    // A logout at a provider leads through its addresses. The page's policy forbids forms to go there, but not links.
    const logout =
      loggedIn.session?.saml === undefined
        ? html`<form method="post" action="/v1/logout">${token}<button id="logout">Log out</button></form>`
        : html`<p><a class="action" id="logout" href="/v1/saml/logout">Log out</a></p>`;
    // With header login there is no session to end: the proxy would authenticate the person again.
    const logoutEverywhere =
      loggedIn.session === undefined || module.kind === 'header'
        ? html``
        : html`<form method="post" action="/v1/logout">
            ${token}<button id="logout-everywhere" class="quiet" name="everywhere" value="1">Log out everywhere</button>
            <span class="note">in all browsers and on all command lines</span>
          </form>`;
    const root = rootOf(request, options.transport);
    const commandLine =
      options.cliCodes === undefined
        ? html``
        : html`<p>To work as you on the command line: <code>confidant --url ${root} login</code></p>`;
    return sendPage(
      reply,
      200,
      'Logged in',
      html`<p>You are <strong id="person">${name === '' ? email : `${name} (${email})`}</strong>.</p>
        ${commandLine}${logout}${logoutEverywhere}`,
      '/assets/account.js',
    );
  });

  // Where a login ends that another window of the application asked for.
  server.get('/login/done', PAGE, async (request, reply) => {
    const isIn = module.kind === 'no-authentication' || (await authentication.loggedIn(request, reply)) !== undefined;
    if (!isIn) return redirect(reply, '/loggedout');
    const body = html`<p>You can close this window. What you were writing is in the other one.</p>`;
    return sendPage(reply, 200, 'Logged in', body, '/assets/login-done.js');
  });

  // This page does not end sessions, because any other site could open it.
  server.get('/loggedout', PAGE, async (request, reply) => {
    const next = nextOf(request);
    rememberNext(options, request, reply, next);
    return sendPage(reply, 200, 'Logged out', wayIn(module, next));
  });

  server.get('/login', PAGE, async (request, reply) => {
    if (module.kind !== 'local') return redirect(reply, '/v1/login');
    rememberNext(options, request, reply, nextOf(request));
    return sendPage(reply, 200, 'Log in', html`<p id="status" role="status">One moment.</p>`, '/assets/login.js');
  });

  server.get('/404.html', PAGE, async (_request, reply) =>
    sendPage(reply, 200, 'Not found', html`<p>This page does not exist.</p>`),
  );
  const file = (path: string, type: string, content: string): void => {
    server.get(path, async (_request, reply) =>
      reply
        .headers({ ...DATA_HEADERS, 'cache-control': CACHED })
        .header('content-type', type)
        .send(content),
    );
  };
  file('/robots.txt', 'text/plain; charset=utf-8', ROBOTS);
  file('/favicon.ico', 'image/svg+xml', ICON);
  file('/assets/login.js', 'text/javascript; charset=utf-8', LOGIN_SCRIPT);
  file('/assets/login-done.js', 'text/javascript; charset=utf-8', LOGIN_DONE_SCRIPT);
  file('/assets/account.js', 'text/javascript; charset=utf-8', ACCOUNT_SCRIPT);
  file('/assets/copy.js', 'text/javascript; charset=utf-8', COPY_SCRIPT);
  registerCustomFiles(server, options, customDirectory);
}

/** How to log in, for somebody who is not. */
function wayIn(module: LoginModule, next: string): Markup {
  switch (module.kind) {
    case 'local':
      return html`<p>
        Open the link that the server printed when it started. Each link works once. Get another one with
        <code>npx confidant-admin login-link</code>.
      </p>`;
    case 'no-authentication':
      return html`<p>Authentication is off: everyone may do everything. <a href="/">Go to Confidant</a>.</p>`;
    case 'no-login':
      return html`<p>
        No login for people is configured on this server. Services, and people with KMS tokens, use it from the command
        line. An administrator can set <code>USER_AUTH_MODULE</code> and its settings.
      </p>`;
    default: {
      const login = next === '/' ? '/v1/login' : `/v1/login?next=${encodeURIComponent(next)}`;
      return html`<p><a class="action" id="login" href="${login}">Log in</a></p>`;
    }
  }
}

/**
 * compat: serves a company's own additions to the web application to authenticated callers. A module that does not exist
 * is empty.
 */
function registerCustomFiles(server: FastifyInstance, { authentication }: LoginOptions, customDirectory: string): void {
  const root = customDirectory === '' ? undefined : resolve(customDirectory);
  if (root !== undefined)
    void server.register(fastifyStatic, { root, serve: false, index: false, dotfiles: 'ignore', cacheControl: false });
  for (const folder of ['modules', 'styles', 'images'] as const) {
    server.get(`/custom/${folder}/*`, async (request, reply) => {
      await authentication.identify(request, reply, false);
      const name = (request.params as { '*': string })['*'];
      const found = root === undefined ? undefined : await fileIn(join(root, folder), name);
      reply.headers(DATA_HEADERS);
      if (found !== undefined) return reply.sendFile(found.path, found.root);
      if (folder !== 'modules') throw new Refusal('not_found');
      return reply.header('content-type', 'text/javascript; charset=utf-8').send('');
    });
  }
}

/**
 * The real path of a file in a folder; undefined for anything outside, also through links, for hidden files and for
 * anything that is not a file.
 */
async function fileIn(folder: string, name: string): Promise<{ root: string; path: string } | undefined> {
  if (name.includes('\0')) return undefined;
  try {
    const root = await realpath(folder);
    const file = await realpath(join(root, name));
    const path = relative(root, file);
    // Also refuses `..`. The name may lead through a link, so both paths are checked.
    const isHidden = [name, path].some((each) => each.split(/[\\/]/).some((part) => part.startsWith('.')));
    if (path === '' || isHidden || isAbsolute(path)) return undefined;
    return (await stat(file)).isFile() ? { root, path: path.split(sep).join('/') } : undefined;
  } catch {
    return undefined;
  }
}
