import { describe, expect, test } from 'vitest';
import {
  DataKeys,
  FernetError,
  FernetKey,
  KmsRefused,
  KmsUnavailable,
  type DataKeyEvent,
  type DataKeysOptions,
} from '../src/index.js';
import { MemoryKms, golden, goldenJson, recordedKms } from './memory-kms.js';

function setUp(options: Partial<DataKeysOptions> = {}) {
  const kms = new MemoryKms();
  kms.addKey('alias/master');
  const clock = { now: 0 };
  const events: DataKeyEvent[] = [];
  const dataKeys = new DataKeys({
    kms,
    masterKey: 'alias/master',
    cacheSize: 10,
    cacheTtlMs: 60_000,
    now: () => clock.now,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { kms, clock, events, dataKeys };
}

const context = { id: '0123456789abcdef0123456789abcdef' };
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

interface StoredItem {
  data_type: { S: string };
  id: { S: string };
  credential_pairs: { S: string };
  data_key: { B: string };
}

describe('what the original stored', () => {
  test('the recorded example decrypts to its plaintext', async () => {
    const example = goldenJson<Record<string, string> & { item: StoredItem; encryption_context: { id: string } }>(
      'at-rest-example.json',
    );
    const kms = new MemoryKms();
    kms.decrypt = async (request) => {
      expect(Buffer.from(request.ciphertext).toString('hex')).toBe(example['kms_ciphertext_blob_hex']);
      expect(request.context).toEqual(example.encryption_context);
      return { plaintext: Buffer.from(example['kms_plaintext(ascii fernet key)']!), keyArn: 'arn' };
    };
    const wrapped = Buffer.from(example.item.data_key.B, 'base64').toString();
    expect(wrapped).toBe(example['after_one_base64_decode(stored bytes)']);
    const key = await setUp({ kms }).dataKeys.open(wrapped, example.encryption_context);
    expect(text(key.decrypt(example.item.credential_pairs.S))).toBe(example['credential_pairs_plaintext']);
  });

  test('every credential of the recorded tables decrypts under its own id and no other', async () => {
    const { dataKeys } = setUp({ kms: recordedKms(), cacheSize: 1000 });
    const tables = golden('dynamodb-table.jsonl') + golden('dynamodb-archive-table.jsonl');
    const items = tables
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as StoredItem);
    const credentials = items.filter(({ data_type }) => ['credential', 'archive-credential'].includes(data_type.S));
    expect(credentials.length).toBeGreaterThan(100);
    for (const item of credentials) {
      const wrapped = Buffer.from(item.data_key.B, 'base64').toString();
      const key = await dataKeys.open(wrapped, { id: item.id.S.replace(/-\d+$/, '') });
      expect(JSON.parse(text(key.decrypt(item.credential_pairs.S)))).toBeTypeOf('object');
      await expect(dataKeys.open(wrapped, { id: `${item.id.S}x` })).rejects.toThrow(KmsRefused);
    }
  });
});

describe('a new data key', () => {
  test('a new data key opens from its wrapped form, only under its own context', async () => {
    const { dataKeys } = setUp();
    const { key, wrapped } = await dataKeys.create(context);
    const token = key.encrypt(Buffer.from('secret'));
    expect(text((await dataKeys.open(wrapped, context)).decrypt(token))).toBe('secret');
    await expect(dataKeys.open(wrapped, { id: 'another' })).rejects.toThrow(KmsRefused);
    await expect(dataKeys.open(wrapped, {})).rejects.toThrow(KmsRefused);
  });

  test('a new data key is 32 bytes from KMS as 44 characters, wrapped under the master key, in base64', async () => {
    const { kms, dataKeys } = setUp();
    const { wrapped } = await dataKeys.create(context);
    expect(wrapped).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
    const opened = await kms.decrypt({ ciphertext: Buffer.from(wrapped, 'base64'), context });
    expect(text(opened.plaintext)).toMatch(/^[A-Za-z0-9_-]{43}=$/);
    expect(opened.keyArn).toBe((await kms.describeKey('alias/master')).keyArn);
    expect(kms.calls).toMatchObject({ generateRandom: 1, encrypt: 1 });
  });

  test('every call creates another data key', async () => {
    const { dataKeys } = setUp();
    const { key } = await dataKeys.create(context);
    const other = await dataKeys.create(context);
    expect(() => other.key.decrypt(key.encrypt(Buffer.from('x')))).toThrow(FernetError);
  });

  test('a data key is never made from too few random bytes', async () => {
    const { kms, dataKeys } = setUp();
    kms.generateRandom = async () => Buffer.alloc(16);
    await expect(dataKeys.create(context)).rejects.toThrow(FernetError);
  });
});

describe('malformed wrapped keys', () => {
  test('a wrapped key that is not base64, too long or not a Fernet key is rejected', async () => {
    const { kms, dataKeys } = setUp();
    for (const wrapped of ['', 'AAA', 'not base64!', '-_-_', 'A'.repeat(8196)]) {
      await expect(dataKeys.open(wrapped, context)).rejects.toThrow(FernetError);
    }
    expect(kms.calls.decrypt).toBe(0);
    const { ciphertext } = await kms.encrypt({ keyId: 'alias/master', plaintext: Buffer.alloc(32, 1), context });
    await expect(dataKeys.open(ciphertext.toString('base64'), context)).rejects.toThrow(FernetError);
  });
});

describe('cached keys', () => {
  test('a cached key needs no call to KMS until it expires', async () => {
    const { kms, clock, dataKeys } = setUp();
    const { wrapped } = await dataKeys.create(context);
    await dataKeys.open(wrapped, context);
    clock.now = 59_999;
    await dataKeys.open(wrapped, context);
    expect(kms.calls.decrypt).toBe(1);
    clock.now = 60_000;
    await dataKeys.open(wrapped, context);
    expect(kms.calls.decrypt).toBe(2);
  });

  test('keys are cached with their context, so a hit does not skip the check of the context', async () => {
    const { dataKeys } = setUp();
    const two = { a: '1', b: '2' };
    const { wrapped } = await dataKeys.create(two);
    await dataKeys.open(wrapped, two);
    for (const other of [{ a: '1' }, { a: '1', b: '2', c: '' }, { a: '2', b: '1' }, { 'a":"1","b': '2' }]) {
      await expect(dataKeys.open(wrapped, other)).rejects.toThrow(KmsRefused);
    }
  });

  test('the order of names in the context does not matter', async () => {
    const { kms, dataKeys } = setUp();
    const { wrapped } = await dataKeys.create({ a: '1', b: '2' });
    await dataKeys.open(wrapped, { a: '1', b: '2' });
    await dataKeys.open(wrapped, { b: '2', a: '1' });
    expect(kms.calls.decrypt).toBe(1);
  });

  test('the cache holds at most cacheSize keys, and none if that is 0', async () => {
    for (const [cacheSize, calls] of [
      [2, 4],
      [0, 4],
      [3, 3],
    ] as const) {
      const { kms, dataKeys } = setUp({ cacheSize });
      const made = [await dataKeys.create(context), await dataKeys.create(context), await dataKeys.create(context)];
      for (const { wrapped } of made) await dataKeys.open(wrapped, context);
      await dataKeys.open(made[0]!.wrapped, context);
      expect(kms.calls.decrypt).toBe(calls);
    }
  });

  test('failures are not cached', async () => {
    const { kms, dataKeys } = setUp();
    const { wrapped } = await dataKeys.create(context);
    kms.down.add('decrypt');
    await expect(dataKeys.open(wrapped, context)).rejects.toThrow(KmsUnavailable);
    kms.down.clear();
    await expect(dataKeys.open(wrapped, context)).resolves.toBeInstanceOf(FernetKey);
  });

  test('concurrent calls share one request to KMS per key and context', async () => {
    const { kms, dataKeys } = setUp();
    const { wrapped } = await dataKeys.create(context);
    const same = Array.from({ length: 10 }, () => dataKeys.open(wrapped, context));
    const other = dataKeys.open(wrapped, { id: 'another' });
    await expect(other).rejects.toThrow(KmsRefused);
    expect(new Set(await Promise.all(same)).size).toBe(1);
    expect(kms.calls.decrypt).toBe(2);
  });
});

test('events count two calls for a new key, one for a decrypted key, none for a cached key', async () => {
  const { events, dataKeys } = setUp();
  const { wrapped } = await dataKeys.create(context);
  await dataKeys.open(wrapped, context);
  await dataKeys.open(wrapped, context);
  expect(events).toEqual([
    { kind: 'counter', name: 'at_rest_action', count: 2 },
    { kind: 'counter', name: 'at_rest_action', count: 1 },
  ]);
});
