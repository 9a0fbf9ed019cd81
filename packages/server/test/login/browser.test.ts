import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueLoginLink, loginLink } from '../../src/embedded/login-link.js';
import { freePort } from '../harness/free-port.js';
import { startServer, type TestServer } from '../harness/server.js';
import { CLIENT_ID, CLIENT_SECRET, type OpenIdTestProvider, startOpenIdProvider } from './openid-provider.js';
import { makeKeyPair } from './saml-idp.js';
import { type SamlSite, startSamlSite } from './saml-site.js';

const CHROMIUM = '/usr/bin/chromium';
const COMMAND_LINE = fileURLToPath(new URL('../../../client/bin/confidant.js', import.meta.url));
/** Time for the browser and the programs it waits for, which share the machine with other tests. */
const PATIENCE_MS = 100_000;
/** Folder for screenshots of the pages; unset: none are taken. */
const PICTURES = process.env['CONFIDANT_TEST_PICTURES'];

/** A page in a new browser, and the problems that the browser reported on pages below `url`. */
async function openPage(browser: Browser, url: string): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 900, height: 600 } });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && message.location().url.startsWith(url)) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return { page, complaints };
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

const email = (page: Page): Promise<number> =>
  page.evaluate(() => fetch('/v1/user/email').then(({ status }) => status));

describe.runIf(existsSync(CHROMIUM))('in a real browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      timeout: PATIENCE_MS,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  });
  afterAll(() => browser?.close());

  describe('OpenID', () => {
    let provider: OpenIdTestProvider;
    let confidant: TestServer;
    beforeAll(async () => {
      const port = await freePort();
      provider = await startOpenIdProvider([`http://127.0.0.1:${port}/v1/login`]);
      const environment = {
        USER_AUTH_MODULE: 'oidc',
        OIDC_ISSUER: provider.issuer,
        OIDC_CLIENT_ID: CLIENT_ID,
        OIDC_CLIENT_SECRET: CLIENT_SECRET,
      };
      confidant = await startServer(environment, { port });
    });
    afterAll(async () => {
      await confidant?.stop();
      await provider?.close();
    });

    test('a person logs in and out, and the browser reports no problem', async () => {
      const { page, complaints } = await openPage(browser, confidant.url);
      await page.goto(confidant.url);
      expect(page.url()).toBe(`${confidant.url}/loggedout`);
      await picture(page, 'openid-1-logged-out');
      await page.click('#login');
      await page.fill('input[name=account]', 'alice');
      await picture(page, 'openid-2-provider');
      await page.click('button');
      await page.waitForURL(`${confidant.url}/credentials`);
      await page.click('a.who');
      expect(await page.textContent('#person')).toBe('Alice Ågren (alice@example.com)');
      expect(await page.textContent('main')).toContain(`confidant --url ${confidant.url} login`);
      expect(await email(page)).toBe(200);
      await picture(page, 'openid-3-logged-in');
      const cookies = await page.context().cookies(confidant.url);
      expect(cookies.find(({ name }) => name === 'confidant_session')).toMatchObject({
        httpOnly: true,
        sameSite: 'Lax',
      });
      await page.click('#logout');
      await page.waitForURL(`${confidant.url}/loggedout`);
      expect(complaints).toEqual([]);
      expect(await email(page)).toBe(401);
      await picture(page, 'openid-4-logged-out');
    });

    test('a person authorizes a command line, and the browser shows that it is done', async () => {
      const home = mkdtempSync(join(tmpdir(), 'confidant-cli-login-'));
      try {
        const program = join(home, 'browser');
        writeFileSync(program, `#!/bin/sh\nprintf %s "$1" > '${home}/new' && mv '${home}/new' '${home}/address'\n`);
        chmodSync(program, 0o755);
        const run = (command: string) =>
          promisify(execFile)(process.execPath, [COMMAND_LINE, '--url', confidant.url, command], {
            env: { PATH: process.env['PATH'], HOME: home, BROWSER: program },
          });
        const login = run('login');
        let told = '';
        login.child.stderr!.on('data', (chunk: string) => (told += chunk));
        const { page, complaints } = await openPage(browser, confidant.url);
        await expect.poll(() => existsSync(join(home, 'address')), { timeout: PATIENCE_MS }).toBe(true);
        await page.goto(readFileSync(join(home, 'address'), 'utf8'));
        await page.fill('input[name=account]', 'alice');
        await page.click('button');
        await page.waitForURL(`${confidant.url}/cli?*`);
        await expect.poll(() => told).toMatch(/[A-Z]{4}-[A-Z]{4}/);
        await page.fill('#letters', /[A-Z]{4}-[A-Z]{4}/.exec(told)![0].toLowerCase());
        await picture(page, 'cli-1-consent');
        await page.press('#letters', 'Enter');
        await page.waitForURL('http://127.0.0.1:*/?code=*');
        expect(await page.textContent('body')).toContain('Your command line is logged in.');
        await picture(page, 'cli-2-back');
        expect((await login).stdout).toContain('"email": "alice@example.com"');
        expect((await run('whoami')).stdout).toContain('alice@example.com');
        expect(complaints).toEqual([]);
        await page.goto(`${confidant.url}/cli?challenge=${'x'.repeat(43)}`);
        await page.fill('#letters', 'bcdf ghjk');
        await page.press('#letters', 'Enter');
        await page.waitForSelector('#code');
        await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
        await page.click('#copy');
        await page.waitForSelector('text=Copied');
        const shown = await page.inputValue('#code');
        expect(shown.length).toBeGreaterThan(200);
        expect(await page.evaluate('navigator.clipboard.readText()')).toBe(shown);
        expect(complaints).toEqual([]);
        await picture(page, 'cli-3-code');
      } finally {
        rmSync(home, { recursive: true });
      }
    });

    test('a login that fails shows a page, and the browser does not ask for a password', async () => {
      const { page } = await openPage(browser, confidant.url);
      const answer = await page.goto(`${confidant.url}/v1/login?code=x&state=%3Cimg%20src=x%20onerror=alert(1)%3E`);
      expect(answer?.status()).toBe(401);
      expect(await page.textContent('[role=alert]')).toBe('The login could not be completed. Start again.');
      expect(await page.locator('img').count()).toBe(0);
      await picture(page, 'openid-5-failed');
    });
  });

  describe('SAML', () => {
    let site: SamlSite;
    beforeAll(async () => {
      site = await startSamlSite({}, await makeKeyPair('confidant'));
    });
    afterAll(() => site?.stop());

    test('a person logs in and out, here and at the provider, and the browser reports no problem', async () => {
      const { page, complaints } = await openPage(browser, site.confidant.url);
      const { url } = site.confidant;
      await page.goto(`${url}/`);
      await page.click('#login');
      await page.fill('input[name=nameId]', 'alice@example.com');
      await picture(page, 'saml-1-provider');
      await page.click('button');
      await page.click('button');
      await page.waitForURL(`${url}/credentials`);
      await page.click('a.who');
      expect(await page.textContent('#person')).toBe('Alice Ågren (alice@example.com)');
      expect(await email(page)).toBe(200);
      expect(site.idp.participants.count()).toBe(1);
      await picture(page, 'saml-2-logged-in');
      await page.click('#logout');
      await page.waitForURL(`${url}/loggedout`);
      expect(site.idp.participants.count()).toBe(0);
      expect(complaints).toEqual([]);
      expect(await email(page)).toBe(401);
      await picture(page, 'saml-3-logged-out');
    });
  });

  describe('the one-time link', () => {
    test('logs in, and its secret stays out of requests, the address and the history', async () => {
      const confidant = await startServer({});
      const secret = issueLoginLink(confidant.dataDir);
      const { page, complaints } = await openPage(browser, confidant.url);
      const addresses: string[] = [];
      page.on('request', (request) => addresses.push(request.url(), request.headers()['referer'] ?? ''));
      await page.goto(loginLink(confidant.url, secret));
      await page.waitForURL(`${confidant.url}/credentials`);
      expect(await page.textContent('h1')).toBe('Credentials');
      await picture(page, 'link-1-logged-in');
      // Playwright shows the fragment of the typed address; the addresses after it must not have it.
      expect(addresses.slice(2).join(' ')).not.toContain(secret);
      await page.goBack();
      expect(page.url()).not.toContain(secret);
      expect(complaints).toEqual([]);
      const again = await openPage(browser, confidant.url);
      await again.page.goto(loginLink(confidant.url, secret));
      await again.page.locator('#status', { hasText: 'This link has been used' }).waitFor();
      await picture(again.page, 'link-2-used');
      await confidant.stop();
    });
  });
});
