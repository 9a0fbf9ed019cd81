import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';
import { accessibilityFaults, ask, HAS_CHROMIUM, launchBrowser, picture, store, visit, type Visit } from './browser.js';

describe.runIf(HAS_CHROMIUM)('the page of a service', () => {
  let browser: Browser;
  let confidant: TestServer;
  let seeded: Visit;
  let orders: string;
  beforeAll(async () => {
    browser = await launchBrowser();
    confidant = await startServer();
    seeded = await visit(browser, confidant);
    orders = await store(seeded.page, {
      name: 'Orders database',
      credential_pairs: { db_user: 'a', db_password: 'b' },
    });
    const mail = await store(seeded.page, { name: 'Mail relay', credential_pairs: { smtp_password: 'x' } });
    await ask(seeded.page, 'PUT', '/v1/services/demo-app', { credentials: [orders, mail] });
  });
  afterAll(async () => {
    await browser?.close();
    await confidant?.stop();
  });
  async function open(path: string): Promise<Page> {
    await seeded.page.goto(`${confidant.url}${path}`);
    return seeded.page;
  }

  test('shows by variable where each comes from, keeps a draft meanwhile, and stays so after a reload', async () => {
    const page = await open('/services/demo-app');
    await page.getByRole('button', { name: 'Remove Mail relay' }).click();
    await page.getByRole('link', { name: 'By variable' }).click();
    await page.getByRole('columnheader', { name: 'Variable' }).waitFor();
    expect(await page.locator('.seg [aria-current]').allTextContents()).toEqual(['By variable']);
    const rows = page.getByRole('row').filter({ hasText: 'CREDENTIALS_' });
    expect(await rows.allTextContents()).toEqual([
      'CREDENTIALS_DB_PASSWORDOrders database',
      'CREDENTIALS_DB_USEROrders database',
      'CREDENTIALS_SMTP_PASSWORDMail relayremoved',
    ]);
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByText('removed').waitFor({ state: 'detached' });
    expect(await accessibilityFaults(page)).toEqual([]);
    await picture(page, 'web-service-variables');
    await page.reload();
    await page.getByRole('columnheader', { name: 'Variable' }).waitFor();
    await page.getByRole('link', { name: 'By credential' }).click();
    await page.getByRole('columnheader', { name: 'Keys' }).waitFor();
  });

  test('says which grants a service has, and makes the missing ones', async () => {
    const page = await open('/services/demo-app');
    await page.getByText('It can make tokens of its own.').waitFor();
    let isMissing = true;
    await page.route('**/v1/grants/demo-app', async (route) => {
      if (route.request().method() === 'PUT') isMissing = false;
      const grants = { encrypt_grant: true, decrypt_grant: !isMissing };
      await route.fulfill({ json: { id: 'demo-app', grants } });
    });
    await page.reload();
    await page.getByText('No grant to read tokens.').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Make the missing grant' }).click();
    await page.getByText('It can read tokens sent to it.').waitFor();
    await page.unroute('**/v1/grants/demo-app');
  });

  test('a credential is mapped to a service that does not exist yet, by its name', async () => {
    const page = await open(`/credentials/${orders}`);
    await page.getByRole('button', { name: 'Map to a service' }).click();
    await page.keyboard.type('Orders-API');
    await page.getByRole('option', { name: 'Orders-API' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Orders-API' }).waitFor();
    const { credentials } = (await ask(page, 'GET', '/v1/services/Orders-API')) as { credentials: { id: string }[] };
    expect(credentials.map(({ id }) => id)).toEqual([orders]);
  });
});
