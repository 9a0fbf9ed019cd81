import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';
import { accessibilityFaults, ask, HAS_CHROMIUM, launchBrowser, picture, store, visit, type Visit } from './browser.js';

const PASSWORD = 'harbour 19 plain wicker, seventh lamp ';
const PEM = '-----BEGIN X-----\r\nabc\r\n-----END X-----\n\n';
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

describe.runIf(HAS_CHROMIUM)('editing a credential', () => {
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

  /** Stores a credential of its own and opens its editor. */
  async function edit(
    pairs: object = { db_user: 'u', db_password: 'old secret', tls_ca: PEM },
  ): Promise<[Page, string]> {
    const { page } = seeded;
    serial += 1;
    const id = await store(page, { name: `Credential ${serial}`, credential_pairs: pairs, metadata: { owner: 'a' } });
    await page.goto(`${confidant.url}/credentials/${id}/edit`);
    await page.getByRole('button', { name: 'Save revision 2' }).waitFor();
    return [page, id];
  }
  const stored = async (page: Page, id: string): Promise<Record<string, unknown>> =>
    ask(page, 'GET', `/v1/credentials/${id}`);
  const save = (page: Page) => page.getByRole('button', { name: /^Save revision/ });
  const saved = (page: Page, revision: number) => page.getByText(`Saved as revision ${revision}.`).waitFor();

  test('changes one value in four presses, reads no other, and sends only what changed', async () => {
    const [, id] = await edit();
    const { page } = seeded;
    await ask(page, 'PUT', '/v1/services/edited', { credentials: [id] });
    const bodies: string[] = [];
    const answers: Promise<string>[] = [];
    page.on('request', (request) => {
      if (request.method() === 'PUT') bodies.push(request.postData() ?? '');
    });
    page.on('response', (response) => {
      if (response.url().includes(`/v1/credentials/${id}`)) answers.push(response.text());
    });
    await page.goto(`${confidant.url}/credentials/${id}`);
    await page.getByRole('link', { name: 'Edit', exact: true }).click();
    await page.getByRole('button', { name: 'Change db_password' }).click();
    await page.keyboard.insertText(PASSWORD);
    await page.getByText('1 changed').waitFor();
    await page.getByText('1 service gets this.').waitFor();
    await picture(page, 'web-edit');
    expect(await accessibilityFaults(page)).toEqual([]);
    await save(page).click();
    await saved(page, 2);
    expect(bodies.map((body) => JSON.parse(body) as object)).toEqual([
      { set: { db_password: PASSWORD }, expected_revision: 1 },
    ]);
    const texts = (await Promise.all(answers)).join('\n');
    for (const value of ['old secret', 'BEGIN X', PASSWORD]) expect(texts).not.toContain(value);
    const { credential_pairs: pairs } = await stored(page, id);
    expect(pairs).toEqual({ db_user: 'u', db_password: PASSWORD, tls_ca: PEM });
    page.removeAllListeners('request');
    page.removeAllListeners('response');
  });

  test('adds, removes and undoes keys, changes every other field, and saves all as one revision', async () => {
    const [page, id] = await edit();
    await page.getByRole('button', { name: 'Add a key' }).click();
    await page.getByRole('textbox', { name: 'Key' }).fill('API_Token');
    await page.getByRole('textbox', { name: 'Value of api_token' }).fill(' spaced\t');
    await page.getByRole('button', { name: 'Add a key' }).click();
    await page.getByRole('textbox', { name: 'Key' }).last().fill('port');
    await page.getByRole('combobox', { name: 'Type of port' }).selectOption('number');
    await page.getByRole('textbox', { name: 'Value of port' }).fill('1.50');
    await page.getByRole('button', { name: 'Remove db_user' }).click();
    await page.getByRole('button', { name: 'Remove tls_ca' }).click();
    await page.getByRole('button', { name: 'Undo: tls_ca removed' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Renamed');
    await page.getByRole('textbox', { name: 'Tags' }).fill('one, #two');
    await page.getByRole('textbox', { name: 'Documentation' }).fill('What it is');
    await page.getByRole('textbox', { name: 'Metadata owner' }).fill('b');
    await page.getByRole('checkbox', { name: 'Enabled' }).uncheck();
    await page.keyboard.press('Control+s');
    await saved(page, 2);
    const { text } = await confidant.call('user:alice', 'GET', `/v1/credentials/${id}`);
    expect(text).toContain('"port":1.50');
    expect(await stored(page, id)).toMatchObject({
      name: 'Renamed',
      tags: ['one', 'two'],
      documentation: 'What it is',
      metadata: { owner: 'b' },
      enabled: false,
      credential_keys: ['db_password', 'tls_ca', 'api_token', 'port'],
      credential_pairs: { db_password: 'old secret', tls_ca: PEM, api_token: ' spaced\t' },
    });
  });

  test('keeps tags with blanks whole, and reads new ones in quotes', async () => {
    const [page, id] = await edit();
    await ask(page, 'PUT', `/v1/credentials/${id}`, { tags: ['two words', 'one'] });
    await page.reload();
    await page.getByRole('button', { name: 'Save revision 3' }).waitFor();
    const tags = page.getByRole('textbox', { name: 'Tags' });
    expect(await tags.inputValue()).toBe('"two words" one');
    await tags.fill('"two words" one, #"three more words" #four');
    await save(page).click();
    await saved(page, 3);
    expect((await stored(page, id))['tags']).toEqual(['two words', 'one', 'three more words', 'four']);
  });

  test('refuses a key that is there already, one that a service gets from elsewhere, and the loss of every key', async () => {
    const [page, id] = await edit({ only: 'x' });
    const other = await store(page, { name: `Other ${serial}`, credential_pairs: { taken_here: 'y' } });
    await ask(page, 'PUT', '/v1/services/collides', { credentials: [id, other] });
    await page.reload();
    await page.getByRole('button', { name: 'Add a key' }).click();
    const key = page.getByRole('textbox', { name: 'Key' });
    await key.fill('ONLY');
    await page.getByText('This key is there already.').waitFor();
    expect(await save(page).isDisabled()).toBe(true);
    await key.fill('taken_here');
    await page.getByText(`collides gets taken_here from Other ${serial} already.`).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Undo: taken_here added' }).click();
    await page.getByRole('button', { name: 'Remove only' }).click();
    await page.getByText('A credential has at least one key.').waitFor();
    expect(await save(page).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('link', { name: 'Edit', exact: true }).waitFor();
    expect((await stored(page, id))['revision']).toBe(1);
  });

  test('shows what a pasted file would do to each key before it does, and stores it exactly so', async () => {
    const [page, id] = await edit();
    await page.getByRole('button', { name: 'Paste many' }).click();
    const text = page.getByRole('textbox', { name: 'Text with keys and values' });
    await text.fill(
      '# hand-over\nexport DB_HOST=db.internal\nDB_PASSWORD="quiet \\"mill\\"\\n"\nLINES="a\nb"\nAPI_TOKEN',
    );
    await page.getByText('API_TOKEN has no value. For an empty one write API_TOKEN=').waitFor();
    expect(await page.getByRole('button', { name: 'Use these 3 keys' }).isDisabled()).toBe(true);
    await text.fill('# hand-over\nexport DB_HOST=db.internal\nDB_PASSWORD="quiet \\"mill\\"\\n"\nLINES="a\nb"\nEMPTY=');
    const rows = page.getByRole('complementary', { name: 'Paste many' }).getByRole('row');
    await expect.poll(() => rows.count()).toBe(5);
    expect((await rows.allTextContents()).map((row) => row.replace('hidden', '').trim())).toEqual([
      expect.stringMatching(/^adddb_host/),
      expect.stringMatching(/^changedb_password/),
      expect.stringMatching(/^addlines.*2 lines/),
      expect.stringMatching(/^addempty.*empty text/),
      expect.stringMatching(/^left alonedb_user, tls_ca/),
    ]);
    expect(await accessibilityFaults(page)).toEqual([]);
    await picture(page, 'web-paste');
    await page.getByRole('button', { name: 'Use these 4 keys' }).click();
    await save(page).click();
    await saved(page, 2);
    expect((await stored(page, id))['credential_pairs']).toEqual({
      db_user: 'u',
      tls_ca: PEM,
      db_host: 'db.internal',
      db_password: 'quiet "mill"\n',
      lines: 'a\nb',
      empty: '',
    });
  });

  test.each([
    [
      'Windows line ends and blanks in quotes',
      'DB_PASSWORD="a \t\r\n b\r\n"\r\nNEW=\' \'\r\n',
      { db_password: 'a \t\r\n b\r\n', new: ' ' },
    ],
    ['a byte order mark and a comment', '\ufeffNEW=x # why\n# NEW=y\n', { new: 'x' }],
    ['JSON with every digit', '{"NEW": 12345678901234567890, "f": 1.0, "n": null, "t": true}', undefined],
  ] as const)('stores what was pasted byte for byte: %s', async (_case, text, expected) => {
    const [page, id] = await edit();
    const sent: string[] = [];
    page.on('request', (request) => request.method() === 'PUT' && sent.push(request.postData() ?? ''));
    await page.getByRole('button', { name: 'Paste many' }).click();
    await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`);
    await page.getByRole('textbox', { name: 'Text with keys and values' }).focus();
    await page.keyboard.press('Control+v');
    await page.getByRole('button', { name: /^Use these \d/ }).click();
    await save(page).click();
    await saved(page, 2);
    if (expected === undefined) {
      expect(sent[0]).toContain('"set":{"new":12345678901234567890,"f":1.0,"n":null,"t":true}');
    } else expect((await stored(page, id))['credential_pairs']).toMatchObject(expected);
  });

  test('what programs read differently in a pasted file is a fault, never a guess', async () => {
    const [page] = await edit();
    await page.getByRole('button', { name: 'Paste many' }).click();
    const text = page.getByRole('textbox', { name: 'Text with keys and values' });
    const use = page.getByRole('button', { name: /^Use/ });
    for (const line of [
      'A=b ',
      'A= b',
      'A =b',
      'A=b#c',
      'A=pa$word',
      'A="$HOME"',
      'A="\\q"',
      'A="b" c',
      'A="b',
      "A='b\\'",
      'A=b"c',
      'A: b',
      'A=1\na=2',
      '{"A": 1, "A": 2}',
      '{"A": {"b": 1}}',
      '{"A": 1',
    ]) {
      await text.fill(line);
      await page.getByText('not read').first().waitFor();
      expect([line, await use.isDisabled()]).toEqual([line, true]);
      await text.fill('');
      await page.getByText('not read').first().waitFor({ state: 'detached' });
    }
  });

  test('an edit of a value that was pasted keeps its carriage returns elsewhere', async () => {
    const [page, id] = await edit();
    await page.getByRole('button', { name: 'Change db_password' }).click();
    await page.evaluate(`navigator.clipboard.writeText('one\\r\\ntwo\\r\\n')`);
    await page.getByLabel('Value of db_password').focus();
    await page.keyboard.press('Control+v');
    await page.getByText('with Windows line ends').waitFor();
    await page.keyboard.press('Control+Home');
    await page.keyboard.type('x');
    await save(page).click();
    await saved(page, 2);
    expect((await stored(page, id))['credential_pairs']).toMatchObject({ db_password: 'xone\r\ntwo\r\n' });
  });

  test('many pairs are pasted into a new credential in the same way, in the place of a key too', async () => {
    const [page] = await edit();
    await page.goto(`${confidant.url}/credentials/new`);
    await page.getByLabel('Name', { exact: true }).fill('Pasted');
    await page.getByLabel('Key', { exact: true }).focus();
    await page.evaluate(`navigator.clipboard.writeText('A_B="x\\r\\n"\\nN=1.50')`);
    await page.keyboard.press('Control+v');
    await page.getByRole('cell', { name: 'a_b' }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Use these 2 keys' }).click();
    await page.getByRole('button', { name: 'Store the credential' }).click();
    await page.getByText('Saved as revision 1.').waitFor();
    await page.waitForURL(/[0-9a-f]{32}$/);
    const id = page.url().slice(-32);
    expect((await stored(page, id))['credential_pairs']).toEqual({ a_b: 'x\r\n', n: '1.50' });
  });

  test('joins changes of two people in different keys, and says where both changed the same', async () => {
    const [page, id] = await edit();
    await page.getByRole('button', { name: 'Change db_password' }).click();
    await page.keyboard.insertText('mine');
    await ask(page, 'PUT', `/v1/credentials/${id}`, { set: { db_user: 'theirs' }, documentation: 'theirs' });
    await save(page).click();
    await page.getByText('Somebody else saved revision 2.').waitFor();
    await page.getByText('Both are kept').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await ask(page, 'PUT', `/v1/credentials/${id}`, { set: { db_password: 'theirs too' } });
    await page.getByRole('button', { name: 'Save revision 3' }).click();
    await page.getByText('You both changed db_password').waitFor();
    expect((await stored(page, id))['revision']).toBe(3);
    await page.getByRole('button', { name: 'Save revision 4' }).click();
    await saved(page, 4);
    expect(await stored(page, id)).toMatchObject({
      documentation: 'theirs',
      credential_pairs: { db_user: 'theirs', db_password: 'mine', tls_ca: PEM },
    });
  });

  test('a save whose answer is lost, or is an error although it was stored, is looked up and stored once', async () => {
    for (const ending of ['abort', 500] as const) {
      const [page, id] = await edit();
      await page.getByRole('button', { name: 'Change db_user' }).click();
      await page.keyboard.insertText('once');
      await page.route(`**/v1/credentials/${id}?*`, async (route) => {
        if (route.request().method() !== 'PUT') return route.continue();
        await route.fetch();
        return ending === 'abort' ? route.abort() : route.fulfill({ status: ending, json: { error: 'x' } });
      });
      await save(page).click();
      await saved(page, 2);
      expect((await stored(page, id))['revision']).toBe(2);
      await page.unroute(`**/v1/credentials/${id}?*`);
    }
  });

  test('a save that failed before it was stored says so, keeps the draft, and works when it is repeated', async () => {
    const [page, id] = await edit();
    await page.getByRole('button', { name: 'Change db_user' }).click();
    await page.keyboard.insertText('again');
    await page.route(`**/v1/credentials/${id}?*`, (route) =>
      route.request().method() === 'PUT' ? route.fulfill({ status: 500, json: { error: 'x' } }) : route.continue(),
    );
    await save(page).click();
    await page.getByText('The server failed, and nothing was saved. Save again.').waitFor();
    await page.unroute(`**/v1/credentials/${id}?*`);
    await save(page).dblclick();
    await saved(page, 2);
    expect((await stored(page, id))['revision']).toBe(2);
  });

  test('asks before a draft is lost, and fits a phone', async () => {
    const [page] = await edit();
    await page.getByRole('button', { name: 'Change db_user' }).click();
    await page.keyboard.insertText('x');
    const questions: string[] = [];
    page.once('dialog', (dialog) => {
      questions.push(dialog.message());
      void dialog.dismiss();
    });
    await page.getByRole('link', { name: 'Credentials' }).first().click();
    await expect.poll(() => questions.length).toBe(1);
    await page.setViewportSize({ width: 320, height: 800 });
    expect(await page.evaluate(OVERFLOW)).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('link', { name: 'Edit', exact: true }).waitFor();
    expect(seeded.complaints).toEqual([]);
  });
});
