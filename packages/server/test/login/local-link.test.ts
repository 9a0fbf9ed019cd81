import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueLoginLink, redeemLoginLink } from '../../src/local/login-link.js';
import { adminMain } from '../../src/admin/cli.js';
import { startConfidant, type TestConfidant } from './confidant.js';
import { type Visit, Visitor } from './visitor.js';

let confidant: TestConfidant;
beforeAll(async () => {
  confidant = await startConfidant({ SESSION_SECRET: '' });
});
afterAll(() => confidant?.stop());

function redeem(secret: string, headers: Record<string, string> = {}): Promise<Visit & { visitor: Visitor }> {
  const visitor = new Visitor(confidant.url);
  return visitor
    .go('/v1/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: confidant.url, ...headers },
      body: JSON.stringify({ secret }),
    })
    .then((visit) => ({ ...visit, visitor }));
}

describe('the one-time link', () => {
  it('logs in whoever runs the server, once', async () => {
    const secret = issueLoginLink(confidant.dataDir);
    const first = await redeem(secret);
    expect([first.status, first.text]).toEqual([200, '{"location":"/"}']);
    expect((await first.visitor.go('/v1/user/email')).status).toBe(200);
    expect((await redeem(secret)).status).toBe(401);
  });

  it('of several who come at the same moment exactly one gets in', async () => {
    const secret = issueLoginLink(confidant.dataDir);
    const statuses = (await Promise.all(Array.from({ length: 8 }, () => redeem(secret)))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 401, 401, 401, 401, 401, 401, 401]);
  });

  it('refused: a guess, an older link, and one that is ten minutes old', async () => {
    const older = issueLoginLink(confidant.dataDir);
    const secret = issueLoginLink(confidant.dataDir);
    expect((await redeem(older)).status).toBe(401);
    expect((await redeem(`${secret.slice(0, -4)}AAAA`)).status).toBe(401);
    expect(redeemLoginLink(confidant.dataDir, secret, Date.now() + 10 * 60_000)).toBe(false);
    expect(redeemLoginLink(confidant.dataDir, secret, Date.now() + 9 * 60_000)).toBe(true);
  });

  it('refused: from another page, through a proxy, and by a name that resolves to loopback', async () => {
    const secret = issueLoginLink(confidant.dataDir);
    expect((await redeem(secret, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await redeem(secret, { origin: '' })).status).toBe(403);
    expect((await redeem(secret, { 'x-forwarded-for': '127.0.0.1' })).status).toBe(403);
    expect(await raw(confidant.url, 'evil.example', secret)).toMatch(/^HTTP\/1.1 403 /);
    expect((await redeem(secret)).status).toBe(200);
  });

  it('the data directory holds its digest only, for this user alone, and no log holds it', async () => {
    const secret = issueLoginLink(confidant.dataDir);
    await redeem(secret);
    for (const file of ['session-secret']) {
      expect(statSync(join(confidant.dataDir, file)).mode & 0o777).toBe(0o600);
    }
    expect(confidant.log()).not.toContain(secret);
  });

  it('its page has an external script alone, and takes the secret out of the address', async () => {
    const visitor = new Visitor(confidant.url);
    const page = await visitor.go('/login');
    expect(page.text).toContain('src="/assets/login.js"');
    expect(page.text).not.toMatch(/<script>|style=|onload/);
    expect((await visitor.go('/assets/login.js')).text).toContain('history.replaceState');
    expect((await visitor.go('/v1/login')).location).toBe('/login');
  });

  it('another one comes from confidant-admin login-link', async () => {
    let out = '';
    const environment = { CONFIDANT_DATA_DIR: confidant.dataDir };
    expect(
      await adminMain(['login-link'], { environment, out: (text) => void (out += text), err: () => undefined }),
    ).toBe(0);
    expect((await redeem(/#([\w-]+)/.exec(out)![1]!)).status).toBe(200);
  });
});

/** A request with a Host of choice, which fetch does not send. */
function raw(url: string, host: string, secret: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const body = JSON.stringify({ secret });
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () =>
      socket.end(
        `POST /v1/login HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      ),
    );
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('end', () => resolve(answer)).on('error', reject);
  });
}
