import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';

const folder = mkdtempSync(join(tmpdir(), 'confidant-maintenance-'));
const TOUCH_FILE = join(folder, 'touched');

let server: TestServer;
afterEach(async () => {
  await server.stop();
  rmSync(TOUCH_FILE, { force: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

const config = async (as = 'user:alice') => (await server.call(as, 'GET', '/v1/client_config')).json;

describe('client_config', () => {
  test('is as recorded under the settings of the recordings', async () => {
    const defined = {
      blind_keys: { 'us-east-1': 'alias/blind-useast1', 'us-west-2': 'alias/blind-uswest2' },
      blind_cipher_type: 'fernet',
      blind_cipher_version: '2',
      blind_store_credential_keys: true,
    };
    server = await startServer({
      CLIENT_CONFIG: JSON.stringify(defined),
      SCOPED_AUTH_KEYS: '{"alias/authnz-sandbox":"sandbox"}',
      ROTATION_DAYS_CONFIG: '{"FINANCIALLY_SENSITIVE": 30}',
      TAGS_EXCLUDING_ROTATION: '["ROTATION_EXCLUDED"]',
      HISTORY_PAGE_LIMIT: '3',
    });
    expect(await config()).toEqual({
      defined,
      generated: {
        aws_accounts: ['sandbox'],
        defined_tags: ['FINANCIALLY_SENSITIVE', 'ROTATION_EXCLUDED'],
        history_page_limit: 3,
        kms_auth_manage_grants: true,
        maintenance_mode: false,
        permissions: {
          blind_credentials: { create: true, list: true },
          credentials: { create: true, list: true },
          services: { create: true, list: true },
        },
        xsrf_cookie_name: 'XSRF-TOKEN',
      },
    });
    const bodies = await Promise.all([1, 2].map(() => server.call('user:alice', 'GET', '/v1/client_config')));
    expect(bodies[0]!.text).toBe(bodies[1]!.text);
  });

  test('says to a service that it may neither list nor create anything', async () => {
    server = await startServer();
    const { generated } = await config('service:web');
    expect(generated.permissions).toEqual({
      blind_credentials: { create: false, list: false },
      credentials: { create: false, list: false },
      services: { create: false, list: false },
    });
    expect(generated.history_page_limit).toBeNull();
  });
});

describe('maintenance mode', () => {
  test.each([
    ['the setting', { MAINTENANCE_MODE: 'true' }, (): void => undefined],
    ['the touch file', { MAINTENANCE_MODE_TOUCH_FILE: TOUCH_FILE }, (): void => writeFileSync(TOUCH_FILE, '')],
  ])('by %s refuses every write after authentication, and shows in client_config', async (_by, settings, begin) => {
    server = await startServer(settings);
    begin();
    const writes: [string, string][] = [
      ['POST', '/v1/credentials'],
      ['PUT', '/v1/credentials/x'],
      ['PUT', '/v1/credentials/x/1'],
      ['POST', '/v1/credentials/x/archive'],
      ['POST', '/v1/blind_credentials'],
      ['PUT', '/v1/blind_credentials/x'],
      ['PUT', '/v1/blind_credentials/x/1'],
      ['PUT', '/v1/services/x'],
      ['PUT', '/v1/services/x/1'],
      ['PUT', '/v1/grants/x'],
    ];
    for (const [method, path] of writes) {
      const answer = await server.call('user:alice', method, path, {});
      expect([path, answer.status, answer.json]).toEqual([path, 403, { error: 'Server in maintenance mode.' }]);
      expect([path, (await server.call(null, method, path, {})).status]).toEqual([path, 401]);
    }
    expect((await server.call('user:alice', 'GET', '/v1/services?limit=1')).status).toBe(200);
    expect((await config()).generated.maintenance_mode).toBe(true);
  });

  test('by touch file ends when the file is gone', async () => {
    server = await startServer({ MAINTENANCE_MODE_TOUCH_FILE: TOUCH_FILE });
    writeFileSync(TOUCH_FILE, '');
    expect((await server.call('user:alice', 'PUT', '/v1/services/web', {})).status).toBe(403);
    rmSync(TOUCH_FILE);
    expect((await server.call('user:alice', 'PUT', '/v1/services/web', {})).status).toBe(200);
    expect((await config()).generated.maintenance_mode).toBe(false);
  });
});

describe('value_generator', () => {
  test('gives fifty random letters and digits, new ones every time, to authenticated callers only (bug 11)', async () => {
    server = await startServer();
    const values = await Promise.all(
      [1, 2, 3].map(async () => (await server.call('user:alice', 'GET', '/v1/value_generator')).json.value as string),
    );
    for (const value of values) expect(value).toMatch(/^[A-Za-z0-9]{50}$/);
    expect(new Set(values).size).toBe(3);
    expect((await server.call('service:web', 'GET', '/v1/value_generator')).status).toBe(200);
    expect((await server.call(null, 'GET', '/v1/value_generator')).status).toBe(401);
  });
});

describe('HISTORY_PAGE_LIMIT', () => {
  test('is the page size of the archive lists only, unless the caller asks for another', async () => {
    server = await startServer({ HISTORY_PAGE_LIMIT: '3' });
    for (let index = 0; index < 5; index += 1) {
      await server.call('user:alice', 'PUT', '/v1/services/web', { enabled: index % 2 === 0 });
      await server.call('user:alice', 'POST', '/v1/credentials', { name: `c${index}`, credential_pairs: { a: '1' } });
    }
    const first = (await server.call('user:alice', 'GET', '/v1/archive/services')).json;
    expect(first.services.map(({ revision }: { revision: number }) => revision)).toEqual([3, 4, 5]);
    const page = encodeURIComponent(first.next_page);
    const second = (await server.call('user:alice', 'GET', `/v1/archive/services?page=${page}`)).json;
    expect(second.services.map(({ revision }: { revision: number }) => revision)).toEqual([1, 2]);
    expect(second.next_page).toBeNull();
    expect((await server.call('user:alice', 'GET', '/v1/archive/services?limit=4')).json.services).toHaveLength(4);
    expect((await server.call('user:alice', 'GET', '/v1/archive/credentials')).json.credentials).toHaveLength(3);
    expect((await server.call('user:alice', 'GET', '/v1/credentials')).json.credentials).toHaveLength(5);
  });
});
