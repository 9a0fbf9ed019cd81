import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';
import { accessibilityFaults, ask, HAS_CHROMIUM, launchBrowser, picture, store, visit, type Visit } from './browser.js';

const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const BLIND = { cipher_type: 'fernet', cipher_version: 2, data_key: { 'us-east-1': 'ZGsx' } };

describe.runIf(HAS_CHROMIUM)('the history of one thing', () => {
  let browser: Browser;
  let confidant: TestServer;
  let seeded: Visit;
  let serial = 0;
  beforeAll(async () => {
    browser = await launchBrowser();
    confidant = await startServer();
    seeded = await visit(browser, confidant);
  });
  afterAll(async () => {
    await browser?.close();
    await confidant?.stop();
  });
  async function open(path: string): Promise<Page> {
    await seeded.page.goto(`${confidant.url}${path}`);
    return seeded.page;
  }
  const rows = (page: Page): Promise<string[]> => page.locator('.diff tbody tr').allTextContents();
  const clean = (texts: readonly string[]): string[] => texts.map((text) => text.replaceAll('hidden', '').trim());

  /** A credential with four revisions that a service gets. */
  async function changed(): Promise<string> {
    const { page } = seeded;
    serial += 1;
    const pairs = { user: 'first-user', password: 'first-secret', old_key: 'x' };
    const id = await store(page, { name: `Changed ${serial}`, credential_pairs: pairs });
    await ask(page, 'PUT', `/v1/credentials/${id}`, {
      set: { password: 'second-secret', extra: 'y' },
      unset: ['old_key'],
    });
    await ask(page, 'PUT', `/v1/credentials/${id}`, {
      documentation: 'What it is',
      tags: ['one'],
      metadata: { owner: 'a' },
    });
    await ask(page, 'PUT', `/v1/credentials/${id}`, { enabled: false, name: `Renamed ${serial}` });
    await ask(page, 'PUT', `/v1/services/used-${serial}`, { credentials: [id] });
    return id;
  }

  test('says what each revision changed, and compares any two, without ever asking for a value', async () => {
    const id = await changed();
    const answers: Promise<string>[] = [];
    seeded.page.on('response', (response) => {
      if (response.url().includes('/v1/')) answers.push(response.text());
    });
    const page = await open(`/credentials/${id}`);
    await page.getByRole('link', { name: 'History' }).click();
    await page.getByRole('button', { name: 'Created' }).waitFor();
    expect(await page.locator('.tabs [aria-current]').allTextContents()).toEqual(['History']);
    const names = await page.locator('.rev .what button').allTextContents();
    expect(names).toEqual([
      `Renamed from “Changed ${serial}”, disabled`,
      'Documentation, tags, metadata',
      'New values',
      'Created',
    ]);
    await page.getByRole('radio', { name: 'Compare from revision 1' }).check();
    await page.getByText('other value').waitFor();
    expect(clean(await rows(page))).toEqual([
      'Values',
      'added: extranot there',
      'removed: old_keygone',
      'changed: passwordother value',
      'About it',
      `changed: nameChanged ${serial}Renamed ${serial}`,
      'changed: enabledyesno',
      'added: documentationnot thereWhat it is',
      'added: tagsnot thereone',
      'added: metadata ownernot therea',
    ]);
    expect(page.url()).toMatch(/\?from=1&to=4$/);
    await picture(page, 'web-history');
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.reload();
    await page.getByText('other value').waitFor();
    const texts = (await Promise.all(answers)).join('\n');
    for (const value of ['first-secret', 'second-secret', 'first-user']) expect(texts).not.toContain(value);
    page.removeAllListeners('response');
  });

  test('puts an old revision back after a preview of what that does', async () => {
    const id = await changed();
    const page = await open(`/credentials/${id}/history?from=1&to=4`);
    await page.getByRole('button', { name: 'Put revision 1 back…' }).click();
    const preview = page.getByRole('region', { name: 'Put back' });
    await preview.getByText('1 service gets it.').waitFor();
    await preview.getByText('revision 5').waitFor();
    expect(clean(await rows(page)).slice(0, 4)).toEqual([
      'Values',
      'removed: extragone',
      'added: old_keynot there',
      'changed: passwordother value',
    ]);
    await picture(page, 'web-put-back');
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Put revision 1 back', exact: true }).click();
    await page.getByText('Revision 1 is back, as revision 5.').waitFor();
    await page
      .getByRole('button', { name: /^Values of revision 1 put back|^Renamed/ })
      .first()
      .waitFor();
    expect(await ask(page, 'GET', `/v1/credentials/${id}`)).toMatchObject({
      revision: 5,
      name: `Changed ${serial}`,
      credential_pairs: { user: 'first-user', password: 'first-secret', old_key: 'x' },
    });
  });

  test('does not put back over a revision that somebody saved meanwhile, and shows that one first', async () => {
    const id = await changed();
    const page = await open(`/credentials/${id}/history?back=1`);
    await page.getByRole('button', { name: 'Put revision 1 back', exact: true }).waitFor();
    await ask(page, 'PUT', `/v1/credentials/${id}`, { documentation: 'theirs' });
    await page.getByRole('button', { name: 'Put revision 1 back', exact: true }).click();
    await page.getByText('Somebody else saved a revision meanwhile.').waitFor();
    await page.getByText('5 revisions').waitFor();
    expect((await ask(page, 'GET', `/v1/credentials/${id}`))['documentation']).toBe('theirs');
    await page.getByRole('button', { name: 'Put revision 1 back', exact: true }).click();
    await page.getByText('Revision 1 is back, as revision 6.').waitFor();
  });

  test('says before putting back that a key would collide in a service', async () => {
    const id = await changed();
    const other = await store(seeded.page, { name: `Other ${serial}`, credential_pairs: { old_key: 'z' } });
    await ask(seeded.page, 'PUT', `/v1/services/used-${serial}`, { credentials: [id, other] });
    const page = await open(`/credentials/${id}/history?back=1`);
    await page.getByText(`used-${serial} gets old_key from Other ${serial} already.`).waitFor();
    await page.getByRole('button', { name: 'Put revision 1 back', exact: true }).click();
    await page.getByText('old_key would collide with another credential.').waitFor();
  });

  test('of a service shows which credentials came and went by name, and puts them back', async () => {
    const [one, two] = [await changed(), await changed()];
    const name = `served-${serial}`;
    await ask(seeded.page, 'PUT', `/v1/credentials/${two}`, { credential_pairs: { unrelated: 'x' } });
    await ask(seeded.page, 'PUT', `/v1/services/${name}`, { credentials: [one] });
    await ask(seeded.page, 'PUT', `/v1/services/${name}`, { credentials: [two] });
    const page = await open(`/services/${name}`);
    await page.getByRole('link', { name: 'History' }).click();
    await page.getByText(`Renamed ${serial}`).waitFor();
    await page.getByText(`Renamed ${serial - 1}`).waitFor();
    expect(clean(await rows(page))[0]).toBe('What it gets');
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Put revision 1 back…' }).click();
    await page.getByRole('button', { name: 'Put revision 1 back', exact: true }).click();
    await page.getByText('Revision 1 is back, as revision 3.').waitFor();
    const { credentials } = (await ask(page, 'GET', `/v1/services/${name}`)) as { credentials: { id: string }[] };
    expect(credentials.map(({ id }) => id)).toEqual([one]);
  });

  test('of a blind credential says when its ciphertext changed', async () => {
    const { page } = seeded;
    const made = await ask(page, 'POST', '/v1/blind_credentials', {
      ...BLIND,
      name: 'Blind one',
      credential_pairs: { 'us-east-1': 'gAAAAA-one' },
      credential_keys: ['api_key'],
    });
    const id = made['id'] as string;
    const written = { ...BLIND, credential_pairs: { 'us-east-1': 'gAAAAA-two' } };
    expect(await ask(page, 'PUT', `/v1/blind_credentials/${id}`, written)).toMatchObject({ revision: 2 });
    await open(`/blind/${id}/history`);
    await page.getByRole('button', { name: 'New values' }).waitFor();
    await page.getByText('changed: ciphertext').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
  });

  test('of something new says that it has never changed, and fits a phone in both themes', async () => {
    const id = await store(seeded.page, { name: 'Never changed', credential_pairs: { a: 'b' } });
    const page = await open(`/credentials/${id}/history`);
    await page.getByText('It has never changed').waitFor();
    const full = await changed();
    await open(`/credentials/${full}/history?from=1&to=4`);
    await page.getByText('other value').waitFor();
    await page.setViewportSize({ width: 320, height: 800 });
    expect(await page.evaluate(OVERFLOW)).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1440, height: 900 });
    expect(seeded.complaints).toEqual([]);
  });

  test.each(['history', 'edit', 'new'])('a service called %s opens, and so does its history', async (name) => {
    await ask(seeded.page, 'PUT', `/v1/services/${name}`, { credentials: [] });
    const page = await open(`/services/${name}`);
    await page.getByRole('link', { name: 'History' }).click();
    await page.getByText('It has never changed').waitFor();
    await page.reload();
    await page.getByText('It has never changed').waitFor();
  });
});
