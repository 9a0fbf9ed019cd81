import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { issueLoginLink, loginLink } from '../../src/embedded/login-link.js';
import type { TestServer } from '../harness/server.js';

export const CHROMIUM = '/usr/bin/chromium';
export const HAS_CHROMIUM = existsSync(CHROMIUM);

/** For what the browser has to do: it shares the machine with other tests. */
const PATIENCE_MS = 100_000;
/** Where to leave pictures of the pages for somebody to look at; unset: none are taken. */
const PICTURES = process.env['CONFIDANT_TEST_PICTURES'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    timeout: PATIENCE_MS,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  });
}

/** A page of a person who is logged in, and everything that the browser reported. */
export interface Visit {
  context: BrowserContext;
  page: Page;
  /** Errors of scripts, violations of the Content-Security-Policy, requests to other origins, and failed requests. */
  complaints: string[];
  /** Addresses of all requests. */
  addresses: string[];
}

export interface VisitOptions {
  viewport?: { width: number; height: number };
  colorScheme?: 'light' | 'dark';
}

/** Opens the application in a browser profile of its own, logged in by the one-time link. */
export async function visit(browser: Browser, confidant: TestServer, options: VisitOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: confidant.url });
  const complaints: string[] = [];
  const addresses: string[] = [];
  const page = await context.newPage();
  watch(page, confidant.url, complaints, addresses);
  await page.goto(loginLink(confidant.url, issueLoginLink(confidant.dataDir)));
  await page.waitForURL(/\/credentials$/);
  return { context, page, complaints, addresses };
}

/** Collects what the browser reports of a page. */
function watch(page: Page, url: string, complaints: string[], addresses: string[]): void {
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // The browser reports answers that are errors; pages ask for what is not there on purpose.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  page.on('request', (request) => {
    addresses.push(request.url());
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('blob:'))
      complaints.push(`request to ${request.url()}`);
  });
}

/**
 * Sends a request as the page would, with its token against forgery; a body of text is sent as it is. Returns the
 * answer's JSON.
 */
export async function ask(
  page: Page,
  method: string,
  path: string,
  body?: object | string,
): Promise<Record<string, unknown>> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return page.evaluate<Record<string, unknown>>(`(async () => {
    const token = /XSRF-TOKEN=([^;]*)/.exec(document.cookie)?.[1] ?? '';
    const headers = { 'content-type': 'application/json', 'x-xsrf-token': token };
    const body = ${JSON.stringify(text)};
    return (await fetch(${JSON.stringify(path)}, { method: '${method}', headers, body })).json();
  })()`);
}

export async function store(
  page: Page,
  credential: { name: string; credential_pairs: object } & Record<string, unknown>,
): Promise<string> {
  const { id } = await ask(page, 'POST', '/v1/credentials', credential);
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  return id as string;
}

/** What axe finds against WCAG 2.0 to 2.2, A and AA; it runs outside the page's policy. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const violations = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
    `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => ({ html })) })))`,
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

export async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}
