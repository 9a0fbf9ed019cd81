import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';
import { accessibilityFaults, ask, HAS_CHROMIUM, launchBrowser, store, visit, type Visit } from './browser.js';

const COPIES = 10_000;
const LONG_NAME = 'Ledger of the northern region '.repeat(35).slice(0, 1023).trimEnd();
const LARGE = `${'0123456789abcdef '.repeat(17)}\n`.repeat(1050).slice(0, 300_000);
const WHITE = [' lead', 'trail ', '\t', ' ', '\n', '\r\n', '\r', 'a\r\nb\rc\n\n', '\u00a0\u2003\u3000', '\u2028'];
const KEYS = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`key_${String(i).padStart(3, '0')}`, `v${i}`]));
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

describe.runIf(HAS_CHROMIUM)('the web application with much in it', () => {
  let browser: Browser;
  let confidant: TestServer;
  let seeded: Visit;
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    browser = await launchBrowser();
    confidant = await startServer();
    seeded = await visit(browser, confidant);
    const { page } = seeded;
    ids['seed'] = await store(page, { name: 'Seed of copies', credential_pairs: { a: 'b' }, tags: ['copied'] });
    copyRow(ids['seed'], 'Seed of copies');
    ids['keys'] = await store(page, { name: 'Many keys', credential_pairs: KEYS });
    ids['large'] = await store(page, { name: 'Large value', credential_pairs: { pem: LARGE } });
    ids['long'] = await store(page, { name: LONG_NAME, credential_pairs: { a: 'b' } });
    ids['white'] = await store(page, {
      name: 'White space',
      credential_pairs: Object.fromEntries(WHITE.map((value, i) => [`w${i}`, value])),
    });
    await ask(page, 'PUT', '/v1/services/busy', { credentials: [ids['keys'], ids['large'], ids['long']] });
  });
  afterAll(async () => {
    await browser?.close();
    await confidant?.stop();
  });

  /** Makes the table as large as a company's: copies of a row with ids and names of their own. */
  function copyRow(id: string, name: string): void {
    const db = new DatabaseSync(join(confidant.dataDir, 'confidant.db'));
    db.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${COPIES})
       INSERT INTO rows (id, data_type, revision, modified_date, name, body, sealed)
       SELECT printf('%032x', i), data_type, revision, modified_date, printf('Copy %05d', i),
         replace(replace(body, ?1, printf('%032x', i)), ?2, printf('Copy %05d', i)), sealed
       FROM rows, n WHERE id = ?1`,
    ).run(id, name);
    db.close();
  }

  async function open(path: string): Promise<Page> {
    await seeded.page.goto(`${confidant.url}${path}`);
    return seeded.page;
  }
  const clipboard = (page: Page): Promise<string> => page.evaluate('navigator.clipboard.readText()');

  test('a list of 10,000 keeps only the visible rows in the page, says how many there are, and finds any of them', async () => {
    const page = await open('/credentials');
    const all = COPIES + 5;
    await page.getByText(`${all.toLocaleString('en')} credentials`, { exact: true }).waitFor();
    expect(await page.getByRole('table').getAttribute('aria-rowcount')).toBe(String(all + 1));
    expect(await page.locator('tbody tr').count()).toBeLessThan(120);
    await page.getByRole('searchbox').fill('copy 07654');
    await page.getByText(`1 of ${all.toLocaleString('en')}`).waitFor();
    expect(await page.getByRole('link', { name: /^Copy/ }).allTextContents()).toEqual(['Copy 07654']);
    await page.getByRole('searchbox').fill('tag:copied');
    await page.getByText(`10,001 of ${all.toLocaleString('en')}`).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.keyboard.press('ArrowDown');
    await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)');
    await expect
      .poll(() => page.evaluate(`[...document.querySelectorAll('tbody tr[aria-rowindex]')].at(-1)?.ariaRowIndex`))
      .toBe('10002');
    expect(await page.locator('tbody tr').count()).toBeLessThan(120);
  });

  test('300 keys stand one below the other, and the last is copied like the first', async () => {
    const page = await open(`/credentials/${ids['keys']}`);
    await page.getByRole('button', { name: 'Copy key_299' }).click();
    await page.getByText('Copied key_299 of Many keys.').waitFor();
    expect(await clipboard(page)).toBe('v299');
    expect(await accessibilityFaults(page)).toEqual([]);
  });

  test('a value of 300 kB is copied byte for byte and shown within its box', async () => {
    const page = await open(`/credentials/${ids['large']}`);
    await page.getByRole('button', { name: 'Copy pem' }).click();
    await page.getByText('Copied pem of Large value.').waitFor();
    expect((await clipboard(page)) === LARGE).toBe(true);
    await page.getByRole('button', { name: 'Reveal pem' }).click();
    await page.getByText('300,000 characters').waitFor();
    expect(await page.evaluate(OVERFLOW)).toBeLessThanOrEqual(0);
    await page.getByRole('button', { name: 'Hide pem' }).click();
    await page.getByText('300,000 characters').waitFor({ state: 'detached' });
    expect(await page.textContent('main')).not.toContain('0123456789abcdef');
  });

  test('white space of every kind is copied byte for byte', async () => {
    const page = await open(`/credentials/${ids['white']}`);
    for (const [i, value] of WHITE.entries()) {
      await page.getByRole('button', { name: `Copy w${i}`, exact: true }).click();
      await page.getByText(`Copied w${i} of White space.`).waitFor();
      expect(JSON.stringify(await clipboard(page))).toBe(JSON.stringify(value));
    }
  });

  test.each([1440, 320])('a name of 1,024 letters makes no page wider than the window of %i px', async (width) => {
    const { page } = seeded;
    await page.setViewportSize({ width, height: 800 });
    for (const path of [`/credentials?q=ledger`, `/credentials/${ids['long']}`, '/services/busy']) {
      await open(path);
      await page.getByText(LONG_NAME.slice(0, 60)).first().waitFor();
      expect([path, await page.evaluate(OVERFLOW)]).toEqual([path, 0]);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  });
});
