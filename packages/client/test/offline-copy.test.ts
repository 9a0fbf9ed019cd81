import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Context } from '../src/cli/context.js';
import { readGlobals } from '../src/cli/arguments/read-globals.js';
import { openLog } from '../src/cli/terminal/log.js';
import { fetchService } from '../src/cli/offline-copy.js';
import { awsEnvironment } from './support/cli.js';
import { deploy, serviceWith, type Deployment } from './support/deployment.js';
import type { Answer } from './support/http.js';

let at: Deployment;
let copies: string;
let answer: Answer;
const UP: Answer = { body: serviceWith({ db_password: 's3cret' }) };
const DOWN: Answer = { drop: true };

beforeAll(async () => {
  at = await deploy();
  copies = join(at.folder, 'copies');
  at.answer(() => answer);
  Object.assign(process.env, awsEnvironment(at.kms.url));
});
afterAll(() => at.close());
beforeEach(() => {
  rmSync(copies, { recursive: true, force: true });
  at.configure({ offline_copy: copies });
  answer = UP;
});

/** Fetches a service once, as a new command line: returns the service or the error, and the log. */
async function get(service = 'web', options: Record<string, unknown> = {}, how: { mayWait?: boolean } = {}) {
  const told = new PassThrough();
  const globals = readGlobals({ configFiles: at.config, offlineCopy: true, ...options });
  const context = new Context(globals, openLog('info', 'test', told), { before: [], command: 'x', after: [] });
  try {
    const fetched = await fetchService(context, service, how).catch((error: Error) => ({ error }));
    const log = String(told.read() ?? '');
    expect(log).not.toContain('s3cret');
    return { service: undefined, offline: undefined, error: undefined, ...fetched, log };
  } finally {
    await context.close();
  }
}

/** Returns the number of requests that one fetch sends. */
async function asked(...how: Parameters<typeof get>): Promise<number> {
  at.server.seen.length = 0;
  await get(...how);
  return at.server.seen.length;
}

const copyPath = () => join(copies, readdirSync(copies)[0]!);

describe('the offline copy', () => {
  test('a copy is used when the server cannot be reached, and says how old it is', async () => {
    const live = await get();
    expect(live.offline).toBeUndefined();
    for (const gone of [DOWN, { status: 502 }, { status: 503 }, { status: 504 }]) {
      answer = gone;
      const { service, offline, log } = await get();
      expect(service).toEqual(live.service);
      expect(offline).toEqual({ saved_at: expect.any(String), age_seconds: expect.any(Number) });
      expect(log).toMatch(/using the offline copy of web, \d+ seconds old/);
    }
  });

  test('get_service shows the age of the copy that it used, and env runs the command with it', async () => {
    await get();
    answer = DOWN;
    const shown = await at.run(['get_service', '--service', 'web']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ result: true, offline_copy: { saved_at: expect.any(String) } });
    const end = await at.run(['env', '--service', 'web', '--', 'sh', '-c', 'echo $CREDENTIALS_DB_PASSWORD']);
    expect(end).toMatchObject({ code: 0, stdout: 's3cret\n' });
  });

  test('a copy is never used after a response about the request, and a 403 or 404 deletes it', async () => {
    for (const status of [400, 401, 403, 404, 409, 500]) {
      answer = UP;
      await get();
      answer = { status };
      expect((await get()).error).toMatchObject({ status });
      expect(readdirSync(copies)).toHaveLength(status === 403 || status === 404 ? 0 : 1);
    }
  });

  test('a copy is deleted when a server of the original refuses the token with a page', async () => {
    await get();
    const body =
      '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<title>403 Forbidden</title>\n<h1>Forbidden</h1>';
    answer = { status: 403, headers: { 'content-type': 'text/html' }, body };
    expect((await get()).error).toMatchObject({ status: 403 });
    expect(readdirSync(copies)).toHaveLength(0);
  });

  test('a copy is kept but not used when something other than Confidant refuses', async () => {
    await get();
    for (const status of [403, 404]) {
      for (const body of ['<h1>default backend</h1>', '', { message: 'no such host' }]) {
        answer = { status, body };
        expect((await get()).error).toMatchObject({ status });
        expect(readdirSync(copies)).toHaveLength(1);
      }
    }
  });

  test('a copy is kept after a response 200 that is not the service, and is used at the next outage', async () => {
    const { service } = await get();
    const other = serviceWith({ db_password: 'other' });
    const bodies = [{}, { ok: true }, { result: true }, { ...other, id: 7 }, { ...other, credentials: {} }];
    for (const body of [
      ...bodies,
      { ...other, credentials: [null] },
      { ...other, credentials: [{ credential_pairs: 'x' }] },
    ]) {
      answer = { body };
      expect((await get()).error).toMatchObject({ code: 'invalid_response' });
      answer = DOWN;
      expect((await get()).service).toEqual(service);
    }
  });

  test('a copy is one file, for its owner only, and unreadable without KMS', async () => {
    await get();
    await get();
    expect(readdirSync(copies)).toHaveLength(1);
    expect(statSync(copyPath()).mode & 0o777).toBe(0o600);
    expect(statSync(copies).mode & 0o777).toBe(0o700);
    expect(readFileSync(copyPath(), 'utf8')).not.toMatch(/s3cret|db_password/);
    const { data_key: wrapped } = JSON.parse(readFileSync(copyPath(), 'utf8')) as { data_key: string };
    const purpose = 'confidant-offline-copy';
    expect(at.kms.opened(wrapped)?.context).toEqual({ from: 'web', to: 'web', user_type: 'service', purpose });
  });

  test('a copy that was changed is refused', async () => {
    await get();
    const sealed = JSON.parse(readFileSync(copyPath(), 'utf8')) as { content: string };
    const flipped = sealed.content.replace(/.(?=.{60}$)/, (character) => (character === 'A' ? 'B' : 'A'));
    answer = DOWN;
    for (const content of [JSON.stringify({ ...sealed, content: flipped }), '{', '{}', '[]', 'null', '']) {
      writeFileSync(copyPath(), content);
      expect((await get()).error?.message).toMatch(/^the offline copy of web cannot be decrypted/);
    }
  });

  test('a copy of another service or server is refused', async () => {
    await get();
    const own = readFileSync(copyPath(), 'utf8');
    await get('other');
    for (const name of readdirSync(copies)) writeFileSync(join(copies, name), own);
    answer = DOWN;
    expect((await get('other')).error?.message).toMatch(/belongs to another server, caller or service/);
    expect((await get('third')).error).toMatchObject({ code: 'network' });
  });

  test('a copy that is a link, a pipe, too large or open to others is refused and not read', async () => {
    await get();
    const [path, kept] = [copyPath(), join(at.folder, 'kept')];
    answer = DOWN;
    renameSync(path, kept);
    const plants: [string, () => void][] = [
      ['it is a link', () => symlinkSync(kept, path)],
      ['it is not a regular file', () => execFileSync('mkfifo', ['-m', '600', path])],
      // A file with a hole needs no space on the disk.
      ['it is too large', () => (writeFileSync(path, '', { mode: 0o600 }), truncateSync(path, 5 * 2 ** 30))],
      ['other users can read it', () => (copyFileSync(kept, path), chmodSync(path, 0o644))],
      ['other users can write it', () => (copyFileSync(kept, path), chmodSync(path, 0o622))],
    ];
    for (const [reason, plant] of plants) {
      plant();
      expect((await get()).error?.message).toContain(`the offline copy of web cannot be read: ${reason}`);
      rmSync(path);
    }
    renameSync(kept, path);
    expect((await get()).offline).toBeDefined();
  });

  test('a copy older than allowed is refused, and 0 hours forbids copies', async () => {
    await get();
    answer = DOWN;
    at.configure({ offline_copy: copies, offline_copy_max_age: 0 });
    expect((await get()).error?.message).toContain('more than offline_copy_max_age allows');
    at.configure({ offline_copy: copies, offline_copy_max_age: 1 });
    expect((await get()).error).toBeUndefined();
  });

  test('no copy is stored or used without the setting, or with --no-offline-copy', async () => {
    await get('web', { offlineCopy: false });
    expect(() => readdirSync(copies)).toThrow('ENOENT');
    await get();
    answer = DOWN;
    expect((await get('web', { offlineCopy: false })).error).toMatchObject({ code: 'network' });
    at.configure({});
    expect((await get()).error).toMatchObject({ code: 'network' });
  });

  test('a copy that cannot be written is only a warning', async () => {
    writeFileSync(join(at.folder, 'file'), '');
    // Below /proc no directory can be created.
    for (const directory of [join(at.folder, 'file', 'copies'), '/proc/nonexistent/below/copies']) {
      at.configure({ offline_copy: directory });
      const { service, log } = await get();
      expect(service).toBeDefined();
      expect(log).toContain('the offline copy could not be stored');
    }
  });

  test('missing parent directories are created, for their owner only', async () => {
    at.configure({ offline_copy: join(copies, 'of', 'web') });
    expect((await get()).log).toBe('');
    for (const directory of ['.', 'of', 'of/web']) expect(statSync(join(copies, directory)).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(copies, 'of', 'web'))).toHaveLength(1);
  });
});

describe('while the server is away', () => {
  const patient = () => ({ offline_copy: copies, retries: 3, backoff: 0.001 });
  beforeEach(() => at.configure(patient()));

  test('the server has offline_copy_after to come back, which is less than without a copy', async () => {
    answer = DOWN;
    expect(await asked()).toBe(4);
    answer = UP;
    await get();
    at.configure({ ...patient(), backoff: 3600, offline_copy_after: 30 });
    for (const gone of [DOWN, { status: 503 }]) {
      answer = gone;
      // The first pause would be longer than the time before the copy is used.
      expect(await asked()).toBe(1);
    }
    at.configure(patient());
    answer = DOWN;
    // Three retries fit into the eight seconds.
    expect(await asked()).toBe(4);
  });

  test('a copy is used soon when the server hangs, or asks to come back later', async () => {
    await get();
    at.configure({ ...patient(), timeout: 86_400, offline_copy_after: 0.5 });
    answer = { hang: true };
    expect((await get()).offline).toBeDefined();
    answer = { status: 503, headers: { 'retry-after': '120' } };
    expect((await get()).offline).toBeDefined();
  });

  test('all retries are made if the copy is too old, unusable, or must not be used', async () => {
    await get();
    answer = { status: 503 };
    at.configure({ ...patient(), offline_copy_after: 0.001 });
    expect(await asked()).toBeLessThan(4);
    const old = new Date(Date.now() - 25 * 3_600_000);
    utimesSync(copyPath(), old, old);
    expect(await asked()).toBe(4);
    utimesSync(copyPath(), new Date(), new Date());
    expect(await asked('web', { offlineCopy: false })).toBe(4);
    writeFileSync(copyPath(), '{');
    expect(await asked()).toBeGreaterThanOrEqual(4);
    answer = UP;
    expect((await get()).error).toBeUndefined();
  });

  test('the later fetches of --watch make all retries', async () => {
    await get();
    answer = DOWN;
    expect(await asked('web', {}, { mayWait: true })).toBe(4);
  });
});
