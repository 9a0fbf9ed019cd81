import { PAGE_HEADERS } from './security.js';
import type { FastifyReply } from 'fastify';

/** Markup that is safe to put into a page. */
class Markup {
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
        <main>
          <p class="product">Confidant</p>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html> `;
  return reply.code(status).headers(PAGE_HEADERS).header('content-type', 'text/html; charset=utf-8').send(page.text);
}

export const STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; min-height: 100vh; place-items: center; background: #f4f5f7; color: #1b1f24; }
main { box-sizing: border-box; width: min(26rem, 100vw); padding: 2rem; background: #fff; border: 1px solid #d5d9de; border-radius: 8px; }
h1 { margin: 0 0 1rem; font-size: 1.4rem; }
.product { margin: 0 0 .25rem; color: #57606a; font-size: .85rem; letter-spacing: .04em; text-transform: uppercase; }
a.action, button { display: inline-block; padding: .5rem 1rem; border: 0; border-radius: 6px; background: #0b5cad; color: #fff; font: inherit; text-decoration: none; cursor: pointer; }
button.quiet { padding: 0; background: none; color: inherit; text-decoration: underline; }
.note { color: #57606a; font-size: .85rem; }
form { margin: 1rem 0 0; }
a.action:focus-visible, button:focus-visible { outline: 3px solid #79b8ff; outline-offset: 2px; }
code { padding: .1rem .3rem; background: #eaeef2; border-radius: 4px; }
textarea { box-sizing: border-box; width: 100%; padding: .5rem; font: .85rem/1.4 ui-monospace, monospace; word-break: break-all; }
#letters { display: block; box-sizing: border-box; width: 12ch; margin: .25rem 0; padding: .4rem; font: 1.15rem ui-monospace, monospace; text-transform: uppercase; }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3; }
  main { background: #161b22; border-color: #30363d; }
  .product, .note { color: #9198a1; }
  code { background: #262c36; }
}
`;

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
