import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueLoginLink, loginLink } from '../../src/embedded/login-link.js';
import { startServer, type TestServer } from '../harness/server.js';
import { accessibilityFaults, ask, HAS_CHROMIUM, launchBrowser, picture, store, visit } from './browser.js';

const TYPED = 'amber kettle 41';

describe.runIf(HAS_CHROMIUM)('a session that ends while a credential is edited', () => {
  let browser: Browser;
  let confidant: TestServer;
  let names = 0;
  beforeAll(async () => {
    browser = await launchBrowser();
    confidant = await startServer();
  });
  afterAll(async () => {
    await browser?.close();
    await confidant?.stop();
  });

  /** Somebody with a changed value that is not saved. */
  async function draft(options: Parameters<typeof visit>[2] = {}): Promise<{ page: Page; path: string }> {
    const { page } = await visit(browser, confidant, options);
    names += 1;
    const id = await store(page, { name: `Orders ${names}`, credential_pairs: { db_password: 'before' } });
    await page.goto(`${confidant.url}/credentials/${id}/edit`);
    await page.getByRole('button', { name: 'Change db_password' }).click();
    await page.getByLabel('Value of db_password').fill(TYPED);
    return { page, path: `/v1/credentials/${id}` };
  }

  const press = (page: Page): Promise<void> => page.getByRole('button', { name: /^Save revision/ }).click();

  test.each([
    { colorScheme: 'light' },
    { colorScheme: 'dark' },
    { colorScheme: 'light', viewport: { width: 320, height: 700 } },
  ] as const)('keeps the draft, and a login in another window lets it be saved once (%o)', async (options) => {
    const { page, path } = await draft(options);
    await page.context().clearCookies();
    await press(page);
    await page.getByText('Nothing here is lost.').waitFor();
    expect(await page.getByLabel('Value of db_password').inputValue()).toBe(TYPED);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(
      await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
    ).toBeLessThanOrEqual(0);
    await picture(page, `web-session-${options.colorScheme}`);
    const opened = page.context().waitForEvent('page');
    await page.getByRole('link', { name: 'Log in again' }).click();
    const other = await opened;
    await other.getByText('Open the link').waitFor();
    const closed = other.waitForEvent('close');
    // The window closes itself when it is done, perhaps before the navigation has ended.
    await other.goto(loginLink(confidant.url, issueLoginLink(confidant.dataDir))).catch(() => undefined);
    await closed;
    await page.getByText('Nothing here is lost.').waitFor({ state: 'detached' });
    await press(page);
    await page.getByText('Saved as revision 2.').waitFor();
    expect(await ask(page, 'GET', path)).toMatchObject({ revision: 2, credential_pairs: { db_password: TYPED } });
    await page.context().close();
  });

  test('sends nothing in the name of another person who logged in meanwhile', async () => {
    const { page, path } = await draft();
    await page.getByRole('link', { name: /, account$/ }).waitFor();
    await page.route('**/v1/user/email', (route) => route.fulfill({ json: { email: 'ines@example.com' } }));
    await press(page);
    await page.getByText('You are now ines@example.com').waitFor();
    expect(await page.getByLabel('Value of db_password').inputValue()).toBe(TYPED);
    expect(await ask(page, 'GET', `${path}?metadata_only=true`)).toMatchObject({ revision: 1 });
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.context().close();
  });

  test('a reload keeps a draft except its values, which are said to be gone and never saved as empty', async () => {
    const { page, path } = await draft();
    await page.getByLabel('Documentation').fill('How to change it.');
    const kept = await page.evaluate<string>('JSON.stringify([{ ...sessionStorage }, { ...localStorage }])');
    expect(kept).toContain('How to change it.');
    expect(kept).not.toContain(TYPED);
    page.once('dialog', (dialog) => void dialog.accept());
    await page.reload();
    await page.getByText('What you typed for db_password is gone').waitFor();
    expect(await page.getByLabel('Documentation').inputValue()).toBe('How to change it.');
    expect(await page.getByRole('button', { name: /^Save revision/ }).isDisabled()).toBe(true);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Undo: db_password changed' }).click();
    await press(page);
    await page.getByText('Saved as revision 2.').waitFor();
    expect(await ask(page, 'GET', path)).toMatchObject({
      documentation: 'How to change it.',
      credential_pairs: { db_password: 'before' },
    });
    expect(await page.evaluate('Object.keys(sessionStorage).filter((name) => name.startsWith("confidant"))')).toEqual(
      [],
    );
    await page.context().close();
  });

  test('a logout in another tab hides everything at once', async () => {
    const { page } = await draft();
    const other = await page.context().newPage();
    await other.goto(`${confidant.url}/account`);
    await other.click('#logout');
    await other.waitForURL(/\/loggedout/);
    await page.getByRole('heading', { name: 'You have logged out' }).waitFor();
    expect(await page.content()).not.toMatch(/Orders|amber kettle/);
    expect(await page.evaluate('JSON.stringify({ ...sessionStorage })')).not.toContain('Orders');
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.context().close();
  });
});
