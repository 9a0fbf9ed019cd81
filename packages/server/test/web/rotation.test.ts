import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';
import { accessibilityFaults, ask, HAS_CHROMIUM, launchBrowser, picture, store, visit, type Visit } from './browser.js';

const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

describe.runIf(HAS_CHROMIUM)('the rotation page', () => {
  let browser: Browser;
  let confidant: TestServer;
  let seeded: Visit;
  beforeAll(async () => {
    browser = await launchBrowser();
    confidant = await startServer({
      ROTATION_DAYS_CONFIG: '{"quick":2,"month":20,"year":300}',
      ENABLE_SAVE_LAST_DECRYPTION_TIME: 'true',
    });
    seeded = await visit(browser, confidant);
    const { page } = seeded;
    await store(page, { name: 'Ledger database', credential_pairs: { a: '1' }, tags: ['quick'] });
    await store(page, { name: 'Message broker', credential_pairs: { b: '1' }, tags: ['month', 'production'] });
    await store(page, { name: 'Gift cards', credential_pairs: { c: '1' }, tags: ['year'] });
    await store(page, { name: 'Never due', credential_pairs: { d: '1' } });
    const late = await store(page, {
      name: '=HYPERLINK("http://x","late")',
      credential_pairs: { e: '1' },
      tags: ['quick'],
    });
    // Whoever was shown a value still knows it: it is due from now on.
    await ask(page, 'GET', `/v1/credentials/${late}`);
  });
  afterAll(async () => {
    await browser?.close();
    await confidant?.stop();
  });

  async function open(): Promise<Page> {
    await seeded.page.goto(`${confidant.url}/rotation`);
    await seeded.page.getByRole('heading', { name: 'Late', exact: true }).waitFor();
    return seeded.page;
  }

  test('groups credentials by how soon new values are due, and says which have no date', async () => {
    const page = await open();
    const names = async (group: string): Promise<string[]> =>
      page.getByRole('region', { name: group, exact: true }).getByRole('link').allTextContents();
    expect(await names('Late')).toEqual(['=HYPERLINK("http://x","late")']);
    expect(await names('This week')).toEqual(['Ledger database']);
    expect(await names('In 30 days')).toEqual(['Message broker']);
    expect(await names('Later')).toEqual(['Gift cards']);
    await page.getByText('late by 1 day').waitFor();
    await page.getByText('1 credential without a date').waitFor();
    await page.getByRole('img', { name: /^Due by week: 1 late, 1 this week/ }).waitFor();
    await picture(page, 'web-rotation');
    expect(await accessibilityFaults(page)).toEqual([]);
  });

  test('copies what is shown as CSV that no spreadsheet runs as a formula', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Copy as CSV' }).click();
    await page.getByText('Copied 4 rows as CSV.').waitFor();
    const lines = (await page.evaluate<string>('navigator.clipboard.readText()')).split(/\r?\n/);
    expect(lines).toHaveLength(5);
    expect(lines[1]).toMatch(/^"'=HYPERLINK\(""http:\/\/x"",""late""\)",/);
    for (const line of lines) expect(line).not.toMatch(/(^|,)"?\s*[=+@-]/);
  });

  test('filters by tag, and keeps the filter after a reload', async () => {
    const page = await open();
    await page.getByRole('searchbox').fill('tag:quick');
    await page.getByText('2 credentials with a date').waitFor();
    await page.waitForURL(/\?q=tag%3Aquick$/);
    await page.reload();
    await page.getByText('2 credentials with a date').waitFor();
    await page.getByRole('link', { name: 'Ledger database' }).click();
    await page.getByRole('heading', { name: 'Ledger database' }).waitFor();
  });

  test('fits a phone, in both themes', async () => {
    const page = await open();
    await page.setViewportSize({ width: 320, height: 800 });
    expect(await page.evaluate(OVERFLOW)).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1440, height: 900 });
    expect(seeded.complaints).toEqual([]);
  });
});
