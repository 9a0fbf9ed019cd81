import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';
import { accessibilityFaults, ask, HAS_CHROMIUM, launchBrowser, picture, store, visit, type Visit } from './browser.js';

const PASSWORD = 'amber kettle 41 slow heron, under the long bridge';
const PEM = '-----BEGIN X-----\r\nabc\r\n-----END X-----\n\n';
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const INJECTION = '<img src=x onerror=alert(1)>';

describe.runIf(HAS_CHROMIUM)('the web application', () => {
  let browser: Browser;
  let confidant: TestServer;
  let seeded: Visit;
  let orders: string;
  beforeAll(async () => {
    browser = await launchBrowser();
    confidant = await startServer({ MAXIMUM_ROTATION_DAYS: '90' });
    seeded = await visit(browser, confidant);
    const { page } = seeded;
    orders = await store(page, {
      name: 'Orders database',
      credential_pairs: { db_user: ' orders app\t', db_password: PASSWORD, tls_ca: PEM },
      tags: ['production', 'pci'],
      documentation: 'Application user of the orders cluster.\n\nMarked \u202e by somebody.',
      metadata: { owner: 'orders team' },
    });
    await store(page, { name: 'Mail relay', credential_pairs: { smtp_password: 'x' }, tags: ['production'] });
    await store(page, { name: 'Other mail', credential_pairs: { smtp_password: 'y' } });
    await store(page, { name: INJECTION, credential_pairs: { a: 'b' } });
    await ask(page, 'PUT', '/v1/services/demo-app', { credentials: [orders] });
  });
  afterAll(async () => {
    await browser?.close();
    await confidant?.stop();
  });

  /** The person opens a page of the application anew. */
  async function open(path: string): Promise<Page> {
    const { page } = seeded;
    await page.goto(`${confidant.url}${path}`);
    return page;
  }

  const clipboard = (page: Page): Promise<string> => page.evaluate('navigator.clipboard.readText()');

  test('copies a value in two presses from the list, byte for byte, without showing it', async () => {
    const page = await open('/credentials');
    await page.getByRole('row').filter({ hasText: 'Orders database' }).click();
    await page.getByRole('button', { name: 'Copy tls_ca' }).click();
    await page.getByText('Copied tls_ca of Orders database.').waitFor();
    expect(await clipboard(page)).toBe(PEM);
    expect(await page.textContent('main')).not.toContain('BEGIN X');
    await page.getByRole('button', { name: 'Copy db_user' }).click();
    await page.getByText('Copied db_user of Orders database.').waitFor();
    expect(await clipboard(page)).toBe(' orders app\t');
    await page.getByRole('button', { name: 'Clear clipboard' }).click();
    await page.getByText('The clipboard is empty.').waitFor();
    expect(await clipboard(page)).toBe('');
  });

  test('shows the one value that was asked for, and forgets it with Escape, Hide and on leaving', async () => {
    const page = await open(`/credentials/${orders}`);
    const main = page.locator('main');
    await page.getByRole('button', { name: 'Reveal db_password' }).click();
    await page.getByText(PASSWORD).waitFor();
    expect(await main.textContent()).not.toContain('BEGIN X');
    expect(await page.getByRole('button', { name: 'Hide db_password' }).getAttribute('aria-pressed')).toBe('true');
    await picture(page, 'web-credential');
    await page.keyboard.press('Escape');
    await expect.poll(() => main.textContent()).not.toContain(PASSWORD);
    await page.getByRole('button', { name: 'Reveal db_password' }).click();
    await page.getByText(PASSWORD).waitFor();
    await page.getByRole('button', { name: 'Hide all' }).click();
    await expect.poll(() => page.content()).not.toContain(PASSWORD);
    await page.getByRole('button', { name: 'Reveal db_password' }).click();
    await page.getByText(PASSWORD).waitFor();
    await page.getByRole('link', { name: 'Services' }).first().click();
    await page.waitForURL(/\/services$/);
    await page.goBack();
    await page.getByRole('button', { name: 'Reveal db_password' }).waitFor();
    expect(await page.content()).not.toContain(PASSWORD);
  });

  test('forgets values with the last Hide, and shows none that come after Escape', async () => {
    const page = await open(`/credentials/${orders}`);
    let reads = 0;
    await page.route(`**/v1/credentials/${orders}`, async (route) => {
      reads += 1;
      if (reads === 2) {
        await page.keyboard.press('Escape');
        await expect.poll(() => page.getByRole('button', { name: 'Reveal db_password' }).count()).toBe(1);
      }
      await route.continue();
    });
    await page.getByRole('button', { name: 'Reveal db_password' }).click();
    await page.getByText(PASSWORD).waitFor();
    await page.getByRole('button', { name: 'Hide db_password' }).click();
    await expect.poll(() => page.evaluate('RegExp.input')).not.toContain(PASSWORD);
    expect(await page.content()).not.toContain(PASSWORD);
    await page.getByRole('button', { name: 'Reveal db_password' }).click();
    await expect.poll(() => reads).toBe(2);
    await page.waitForLoadState('networkidle');
    expect(await page.content()).not.toContain(PASSWORD);
    await page.unroute(`**/v1/credentials/${orders}`);
  });

  test('one read of the values serves several reveals, and the audit log has one line for it', async () => {
    const page = await open(`/credentials/${orders}`);
    await page.getByRole('button', { name: 'Reveal db_password' }).waitFor();
    const reads = (): number =>
      confidant
        .log()
        .split('\n')
        .filter((line) => line.includes('"route":"/v1/credentials/:id"')).length;
    await expect.poll(reads).toBeGreaterThan(0);
    const before = reads();
    await page.getByRole('button', { name: 'Reveal db_password' }).click();
    await page.getByText(PASSWORD).waitFor();
    await page.getByRole('button', { name: 'Reveal db_user' }).click();
    await page.getByText('with blanks at an end or a tab').waitFor();
    await page.getByRole('button', { name: 'Copy tls_ca' }).click();
    await page.getByText('Copied tls_ca').waitFor();
    expect(reads()).toBe(before + 1);
  });

  test('keeps every digit of a number', async () => {
    const { page } = seeded;
    const pairs = '{"n": 12345678901234567890, "f": 1.0, "yes": true, "nothing": null}';
    const { id } = await ask(page, 'POST', '/v1/credentials', `{"name": "Numbers", "credential_pairs": ${pairs}}`);
    await open(`/credentials/${id as string}`);
    for (const [key, shown] of [
      ['n', '12345678901234567890'],
      ['f', '1.0'],
      ['yes', 'true'],
      ['nothing', 'null'],
    ] as const) {
      await page.getByRole('button', { name: `Reveal ${key}`, exact: true }).click();
      await page.locator('.open', { hasText: shown }).waitFor();
    }
  });

  test('stores a credential and maps it to a service in one form, and two presses store it once', async () => {
    const page = await open('/credentials');
    await page.getByRole('link', { name: 'New' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Card processor');
    await page.getByLabel('Key', { exact: true }).fill('Merchant_ID');
    expect(await page.getByLabel('Key', { exact: true }).inputValue()).toBe('merchant_id');
    await page.getByLabel('Value of merchant_id').fill(' two\nlines ');
    await page.getByRole('button', { name: 'Choose a service' }).click();
    await page.keyboard.type('demo');
    await page.keyboard.press('Enter');
    await picture(page, 'web-new');
    await page.getByRole('button', { name: 'Store the credential' }).dblclick();
    await page.getByText('Saved as revision 1, and mapped to demo-app.').waitFor();
    await page.waitForURL(/\/credentials\/[0-9a-f]{32}$/);
    await page.getByRole('link', { name: 'demo-app' }).waitFor();
    const listed = (await ask(page, 'GET', '/v1/credentials')) as { credentials: { name: string; id: string }[] };
    const stored = listed.credentials.filter(({ name }) => name === 'Card processor');
    expect(stored).toHaveLength(1);
    const { credential_pairs: pairs } = await ask(page, 'GET', `/v1/credentials/${stored[0]!.id}`);
    expect(pairs).toEqual({ merchant_id: ' two\nlines ' });
  });

  test('refuses a key that stands twice and a name that is taken, where they stand', async () => {
    const page = await open('/credentials/new');
    await page.getByLabel('Name', { exact: true }).fill('Mail relay');
    await page.getByLabel('Key', { exact: true }).fill('a');
    await page.getByRole('button', { name: 'Add a key' }).click();
    await page.getByLabel('Key', { exact: true }).nth(1).fill('A');
    await page.getByText('This key is entered twice.').first().waitFor();
    expect(await page.getByRole('button', { name: 'Store the credential' }).isDisabled()).toBe(true);
    await page.getByLabel('Key', { exact: true }).nth(1).fill('b');
    await page.getByRole('button', { name: 'Store the credential' }).click();
    await page.getByText('Another credential has this name.').waitFor();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Mail relay');
  });

  test('Enter in a picker that finds nothing stores nothing', async () => {
    const page = await open('/credentials/new');
    await page.getByLabel('Name', { exact: true }).fill('Not yet');
    await page.getByLabel('Key', { exact: true }).fill('a');
    await page.getByLabel('Value of a').fill('b');
    await page.getByRole('button', { name: 'Choose a service' }).click();
    await page.keyboard.type('nothing like it');
    await page.getByText('Nothing matches.').waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Not yet');
    const { credentials } = (await ask(page, 'GET', '/v1/credentials')) as { credentials: { name: string }[] };
    expect(credentials.map(({ name }) => name)).not.toContain('Not yet');
  });

  test('asks before a draft is left, and on a phone its buttons can be pressed', async () => {
    const { context, page } = await visit(browser, confidant, { viewport: { width: 390, height: 844 } });
    await page.goto(`${confidant.url}/services/demo-app`);
    await page.getByRole('button', { name: 'Remove Orders database' }).click();
    const questions: string[] = [];
    page.on('dialog', (dialog) => {
      questions.push(dialog.message());
      void dialog.dismiss();
    });
    await page.getByRole('link', { name: 'Confidant, to the credentials' }).click();
    await expect.poll(() => questions).toEqual(['Leave this page? What you changed here is not saved.']);
    await page.getByText('1 removed').waitFor();
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByText('1 removed').waitFor({ state: 'detached' });
    await context.close();
  });

  test('says before saving that a key collides, and saves what a service gets as one revision', async () => {
    const page = await open('/services/checkout');
    await page.getByText('No such service yet.').waitFor();
    const add = async (words: string): Promise<void> => {
      await page.getByRole('button', { name: 'Add a credential' }).click();
      await page.keyboard.type(words);
    };
    await add('mail relay');
    await page.keyboard.press('Enter');
    await add('other mail');
    await page.getByText('smtp_password comes from Mail relay already.').waitFor();
    await picture(page, 'web-picker');
    await page.keyboard.press('Escape');
    await add('orders');
    await page.keyboard.press('Enter');
    await page.getByText('2 added').waitFor();
    await page.keyboard.press('Control+s');
    await page.getByText('Saved as revision 1.').waitFor();
    await page.getByRole('button', { name: 'Remove Orders database' }).click();
    await page.getByText('1 removed').waitFor();
    await page.getByRole('button', { name: 'Undo: Orders database removed' }).click();
    await page.getByRole('button', { name: 'Remove Mail relay' }).click();
    await page.getByRole('button', { name: /^Save revision 2/ }).click();
    await page.getByText('Saved as revision 2.').waitFor();
    await picture(page, 'web-service');
    const { credentials } = (await ask(page, 'GET', '/v1/services/checkout')) as { credentials: { id: string }[] };
    expect(credentials.map(({ id }) => id)).toEqual([orders]);
  });

  test('adds the first match of what was typed and confirmed before the credentials were read', async () => {
    const page = await open('/services/hasty');
    await page.getByText('No such service yet.').waitFor();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/v1/credentials?*', async (route) => {
      await released;
      await route.continue();
    });
    await page.getByRole('button', { name: 'Add a credential' }).click();
    await page.getByText('Still reading…').waitFor();
    await page.keyboard.type('mail relay');
    await page.keyboard.press('Enter');
    release();
    await page.getByText('1 added').waitFor();
    await page.unroute('**/v1/credentials?*');
    await page.getByRole('link', { name: 'Mail relay' }).waitFor();
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByText('1 added').waitFor({ state: 'detached' });
  });

  test('joins a draft with what somebody else saved meanwhile, and loses neither', async () => {
    const page = await open('/services/shared');
    await page.getByRole('button', { name: 'Add a credential' }).click();
    await page.keyboard.type('mail relay');
    await page.keyboard.press('Enter');
    await ask(page, 'PUT', '/v1/services/shared', { credentials: [orders] });
    await page.getByRole('button', { name: /^Save revision/ }).click();
    await page.getByText('Somebody else saved a revision').waitFor();
    await page.getByRole('link', { name: 'Orders database' }).waitFor();
    await page.getByRole('button', { name: /^Save revision 2/ }).click();
    await page.getByText('Saved as revision 2.').waitFor();
    const { credentials } = (await ask(page, 'GET', '/v1/services/shared')) as { credentials: { name: string }[] };
    expect(credentials.map(({ name }) => name)).toEqual(['Mail relay', 'Orders database']);
  });

  test.each(['new', 'history', 'edit', 'credentials', 'a.b', 'web@1', 'a+b=c,d', '-', '%41', 'v1', 'a'.repeat(128)])(
    'a service called %s opens from the list and after a reload',
    async (name) => {
      const { page } = seeded;
      const stored = /^[\w+=,.@:-]+$/.test(name);
      if (stored) await ask(page, 'PUT', `/v1/services/${encodeURIComponent(name)}`, { credentials: [] });
      await open(stored ? `/services?q=${encodeURIComponent(name)}` : `/services/${encodeURIComponent(name)}`);
      if (stored) await page.getByRole('link', { name, exact: true }).click();
      await page.getByRole('heading', { name, exact: true }).waitFor();
      await page.reload();
      await page.getByRole('heading', { name, exact: true }).waitFor();
      await page.getByText(stored ? 'revision 1' : 'No such service yet.').waitFor();
    },
  );

  test('names and documentation of others are text, with marks that mislead the eye spelled out', async () => {
    const page = await open('/credentials?q=img');
    await page.getByRole('link', { name: INJECTION }).click();
    await page.getByRole('heading', { name: INJECTION }).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    await open(`/credentials/${orders}`);
    await page.getByText('Marked U+202E by somebody.').waitFor();
  });

  test('the filter finds by words and fields, stays in the address, and comes back with Back', async () => {
    const page = await open('/credentials');
    const filter = page.getByLabel('Filter credentials');
    // The list opens with the filter in focus.
    await expect
      .poll(() => page.evaluate('document.activeElement.getAttribute("aria-label")'))
      .toBe('Filter credentials');
    await page.keyboard.type('tag:pci meta.owner:orders');
    await page.waitForURL(/q=tag%3Apci\+meta\.owner%3Aorders$/);
    await page.getByText(/^1 of /).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Orders database' }).waitFor();
    await page.goBack();
    expect(await filter.inputValue()).toBe('tag:pci meta.owner:orders');
    await filter.fill('no:such due:soon');
    await page.getByText('no:such is left out: there is no field no (there are tag, by,').waitFor();
    await page.getByText('due:soon is left out: expected due:late').waitFor();
    await filter.fill('nothing like it');
    await page.getByText('No credential matches nothing like it').waitFor();
    const secret = 'x'.repeat(60);
    await filter.fill(secret);
    await page.getByText('No credential matches').waitFor();
    await filter.fill('mail');
    await page.waitForURL(/q=mail$/);
    expect(seeded.addresses.join(' ')).not.toContain(secret);
  });

  test('an unknown address is a page for people, and an error in JSON for programs', async () => {
    const { page } = seeded;
    for (const path of ['/nowhere', '/services/%E0%A4%A', '/credentials/a/b/c']) {
      await open(path);
      await page.getByRole('heading', { name: /nothing here|Not found/i }).waitFor();
    }
    const answer = await fetch(`${confidant.url}/nowhere`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/json']);
  });

  test('has no accessibility fault on any page, in light and in dark, and never scrolls sideways', async () => {
    const faults: string[] = [];
    for (const options of [
      { colorScheme: 'light' },
      { colorScheme: 'dark' },
      { colorScheme: 'light', viewport: { width: 320, height: 700 } },
    ] as const) {
      const { context, page } = await visit(browser, confidant, options);
      const width = options.viewport === undefined ? 'wide' : 'narrow';
      const look = async (name: string): Promise<void> => {
        const found = await accessibilityFaults(page);
        faults.push(...found.map((fault) => `${name} ${options.colorScheme} ${width}: ${fault}`));
        const over = await page.evaluate<number>(OVERFLOW);
        if (over > 0) faults.push(`${name} ${width}: ${over} px too wide`);
        await picture(page, `web-${name}-${options.colorScheme}-${width}`);
      };
      await page.getByRole('link', { name: 'Orders database' }).waitFor();
      await look('list');
      await page.getByRole('link', { name: 'Orders database' }).click();
      await page.getByRole('button', { name: 'Reveal db_password' }).click();
      await page.getByText(PASSWORD).waitFor();
      await page.getByRole('button', { name: 'Reveal tls_ca' }).click();
      await page.getByText('ends with a line end').waitFor();
      await look('credential');
      await page.goto(`${confidant.url}/services`);
      await page.getByRole('link', { name: 'demo-app' }).waitFor();
      await look('services');
      await page.getByRole('link', { name: 'demo-app' }).click();
      await page.getByRole('button', { name: 'Remove Orders database' }).click();
      await look('service');
      await page.getByRole('button', { name: 'Add a credential' }).click();
      await page.getByRole('option', { name: /Mail relay/ }).waitFor();
      await look('picker');
      await page.goto(`${confidant.url}/credentials/new`);
      await page.getByLabel('Name', { exact: true }).waitFor();
      await look('new');
      for (const path of ['/account', '/loggedout', '/nowhere', '/credentials/none']) {
        await page.goto(`${confidant.url}${path}`);
        await page.getByRole('heading').first().waitFor({ state: 'attached' });
        await look(path.slice(1).replace('/', '-'));
      }
      await context.close();
    }
    expect(faults).toEqual([]);
  });

  test('after a logout the page says so at the next request, and Back shows nothing of the person', async () => {
    const { context, page } = await visit(browser, confidant);
    await page.getByRole('link', { name: 'Orders database' }).click();
    await page.getByRole('heading', { name: 'Orders database' }).waitFor();
    const other = await context.newPage();
    await other.goto(`${confidant.url}/account`);
    // Ends the session as a program would: only the page of the account lets other tabs know at once.
    await ask(other, 'POST', '/v1/logout', {});
    await other.goto(`${confidant.url}/loggedout`);
    await page.getByRole('button', { name: 'Reveal db_password' }).click();
    await page.getByText('Your session has ended.').first().waitFor();
    expect(await page.content()).not.toContain(PASSWORD);
    await other.goBack();
    await other.waitForURL(/\/loggedout/);
    await page.getByRole('link', { name: 'Log in again' }).click();
    await page.getByRole('heading').first().waitFor();
    await page.goBack();
    await page.waitForURL(new RegExp(`/loggedout\\?next=%2Fcredentials%2F${orders}$`));
    await context.close();
  });

  // The last one: it looks at what all the others left.
  test('leaves no value in addresses, titles, storage or the log, breaks no policy, and asks nobody else', async () => {
    const page = await open('/credentials');
    const kept = await page.evaluate<string>(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.title])',
    );
    for (const secret of [PASSWORD, 'BEGIN X', 'orders app']) {
      expect(kept).not.toContain(secret);
      expect(seeded.addresses.join('\n')).not.toContain(encodeURIComponent(secret));
      expect(confidant.log()).not.toContain(secret);
    }
    expect(seeded.complaints).toEqual([]);
  });
});
