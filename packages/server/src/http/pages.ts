import { PAGE_HEADERS } from './security.js';
import type { FastifyReply } from 'fastify';

/** Markup that is safe to put into a page. */
export class Markup {
  constructor(readonly text: string) {}
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Markup of a template; every value is escaped unless it is markup itself. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | Markup)[]): Markup {
  const text = parts.map((part, i) => {
    const value = values[i];
    const escaped = value instanceof Markup ? value.text : (value ?? '').replace(/[&<>"']/g, (c) => ESCAPES[c]!);
    return part + escaped;
  });
  return new Markup(text.join(''));
}

const MARK = html`<svg viewBox="0 0 26 14" aria-hidden="true">
  <path
    fill="currentColor"
    fill-rule="evenodd"
    d="M0 .4 26 0l-.2 13.6L.2 14zM13 3.2a2.1 2.1 0 0 0-1.1 3.9l-.7 3.7h3.6l-.7-3.7A2.1 2.1 0 0 0 13 3.2z"
  />
</svg>`;

/** What the product is about, beside what the page says: a letter with redactions. */
const LETTER = html`<div class="letter" aria-hidden="true">
  <p class="text">
    The orders database lets in <span class="bar w1"></span> with <span class="bar w3"></span>. Partners sign with
    <span class="bar w2"></span> <span class="bar w5"></span>. The depot door is <span class="bar w4"></span>, the
    ledger opens with <span class="bar w3"></span> <span class="bar w1"></span>. Everybody gets
    <span class="open">what they came for</span>, and <span class="bar w2"></span> <span class="bar w4"></span>
    <span class="bar w5"></span>.
  </p>
</div>`;

/** Sends a page with the headers that confine it. */
export function sendPage(
  reply: FastifyReply,
  status: number,
  title: string,
  body: Markup,
  script?: string,
): FastifyReply {
  const source = script === undefined ? html`` : html`<script src="${script}" defer></script>`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · Confidant</title>
        <link rel="stylesheet" href="/assets/pages.css" />
        ${source}
      </head>
      <body>
        <div class="door">
          <main class="in">
            <a class="mark" href="/">${MARK}<span>Confidant</span></a>
            <h1>${title}</h1>
            ${body}
          </main>
          ${LETTER}
        </div>
      </body>
    </html> `;
  return reply.code(status).headers(PAGE_HEADERS).header('content-type', 'text/html; charset=utf-8').send(page.text);
}

/** The script of the page that shows a code: a button copies it. */
export const COPY_SCRIPT = `const code = document.getElementById('code');
const copy = document.getElementById('copy');
code.select();
copy.hidden = false;
copy.addEventListener('click', () => {
  code.select();
  // Over plain HTTP scripts have no clipboard: the code stays selected, to be copied by hand.
  const copied = navigator.clipboard ? navigator.clipboard.writeText(code.value) : Promise.reject();
  copied.then(() => (copy.textContent = 'Copied'), () => (copy.textContent = 'Press Ctrl+C'));
});
`;

/** The script of the page after a login in a window of its own: the other windows go on. */
export const LOGIN_DONE_SCRIPT = `new BroadcastChannel('confidant-login').postMessage('logged in');
close();
`;

/** The script of the page of the account: with a logout, the other windows hide what they show. */
export const ACCOUNT_SCRIPT = `const left = () => {
  sessionStorage.clear();
  new BroadcastChannel('confidant-login').postMessage('logged out');
};
addEventListener('submit', left);
document.querySelector('a#logout')?.addEventListener('click', left);
`;

/**
 * The script of the one-time link's page. The secret is in the fragment, which browsers do not send; it is removed from
 * the address at once, so that the history does not hold it either.
 */
export const LOGIN_SCRIPT = `const status = document.getElementById('status');
async function redeem(secret) {
  const response = await fetch('/v1/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ secret }),
  });
  if (response.ok) return location.replace((await response.json()).location);
  const isRefused = response.status === 401 || response.status === 403;
  const { error } = isRefused ? {} : await response.json().catch(() => ({}));
  status.textContent =
    error || (isRefused ? 'This link has been used or has expired. Get another one with: npx confidant-admin login-link' : 'The login failed (' + response.status + ').');
}
function follow() {
  const secret = location.hash.slice(1);
  history.replaceState(null, '', location.pathname);
  if (secret === '') status.textContent = 'Open the link that the server printed when it started.';
  else redeem(secret).catch(() => (status.textContent = 'The server does not respond.'));
}
// Opening another link in this tab changes only the fragment: the page is not loaded again.
addEventListener('hashchange', follow);
follow();
`;
