import { randomBytes } from 'node:crypto';
import { DataKeys } from '@confidant/kmsauth';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cachingSealer } from '../../../src/adapters/sealing/caching-sealer.js';
import { clearSealer, fernetSealer } from '../../../src/adapters/sealing/fernet-sealer.js';
import { Keyring } from '../../../src/embedded/keyring.js';
import type { Sealer } from '../../../src/ports/sealer.js';

const folder = mkdtempSync(join(tmpdir(), 'confidant-sealer-'));
let keyring: Keyring;
let opened = 0;
let sealer: Sealer;

beforeAll(() => {
  keyring = Keyring.open(folder);
});
afterAll(() => {
  keyring.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  opened = 0;
  const fernet = fernetSealer(
    new DataKeys({
      kms: keyring.kms('us-east-1'),
      masterKey: 'alias/confidant-master',
      cacheSize: 10,
      cacheTtlMs: 1000,
    }),
  );
  sealer = {
    seal: (id, pairs) => fernet.seal(id, pairs),
    open(id, sealed) {
      opened += 1;
      return fernet.open(id, sealed);
    },
  };
});

const limits = { entries: 2, ttlMs: 60_000, maxCharacters: 10_000 };

describe('a sealed credential', () => {
  test('a sealed credential opens under its own id and no other', async () => {
    const sealed = await sealer.seal('one', { k: 'v' });
    expect(await sealer.open('one', sealed)).toEqual({ k: 'v' });
    await expect(sealer.open('two', sealed)).rejects.toThrow('cannot be decrypted');
  });

  test('a sealed credential does not open once a bit of its ciphertext, data key or version has changed', async () => {
    const sealed = await sealer.seal('one', { k: 'v' });
    const other = await sealer.seal('one', { k: 'v' });
    const flipped = sealed.token.slice(0, -10) + (sealed.token.at(-10) === 'A' ? 'B' : 'A') + sealed.token.slice(-9);
    for (const change of [{ token: flipped }, { dataKey: other.dataKey }, { cipherVersion: 3 }]) {
      await expect(sealer.open('one', { ...sealed, ...change })).rejects.toThrow();
    }
  });

  test('a credential whose plaintext is not a JSON object does not open', async () => {
    const clear = clearSealer(() => randomBytes(32));
    const sealed = await clear.seal('one', { k: 'v' });
    for (const plaintext of ['1.50', '[]', 'null', '"text"']) {
      const token = `DANGER_NOT_ENCRYPTED_${Buffer.from(plaintext).toString('base64')}`;
      await expect(async () => clear.open('one', { ...sealed, token })).rejects.toThrow('not a JSON object');
    }
  });

  test('a sealer in the clear does not open encrypted credentials, nor the reverse', async () => {
    const clear = clearSealer(() => randomBytes(32));
    const open = await clear.seal('one', { k: 'ü' });
    expect(open.token).toMatch(/^DANGER_NOT_ENCRYPTED_/);
    expect(await clear.open('one', open)).toEqual({ k: 'ü' });
    await expect(clear.open('one', await sealer.seal('one', { k: 'v' }))).rejects.toThrow();
    await expect(sealer.open('one', open)).rejects.toThrow();
  });
});

describe('the cache of opened pairs', () => {
  test('cached pairs are not decrypted again, but only for the same id, data key and version', async () => {
    const remembering = cachingSealer(sealer, limits);
    const sealed = await remembering.seal('one', { k: 'v' });
    expect(await remembering.open('one', sealed)).toEqual({ k: 'v' });
    expect(await remembering.open('one', { ...sealed })).toEqual({ k: 'v' });
    expect(opened).toBe(1);
    const other = await remembering.seal('one', { k: 'w' });
    await expect(remembering.open('two', sealed)).rejects.toThrow();
    await expect(remembering.open('one', { ...sealed, dataKey: other.dataKey })).rejects.toThrow();
    await expect(remembering.open('one', { ...sealed, cipherVersion: 3 })).rejects.toThrow();
    expect(opened).toBe(4);
  });

  test('the cache holds a bounded number of credentials, and none when it is switched off', async () => {
    const remembering = cachingSealer(sealer, limits);
    const three = await Promise.all(['a', 'b', 'c'].map(async (id) => ({ id, sealed: await sealer.seal(id, { id }) })));
    for (const { id, sealed } of [...three, three[0]!]) await remembering.open(id, sealed);
    expect(opened).toBe(4);
    const off = cachingSealer(sealer, { ...limits, entries: 0 });
    await off.open('a', three[0]!.sealed);
    await off.open('a', three[0]!.sealed);
    expect(opened).toBe(6);
  });

  test('cached pairs cannot be changed by the code that gets them', async () => {
    const remembering = cachingSealer(sealer, limits);
    const sealed = await remembering.seal('one', { k: 'v' });
    await remembering.open('one', sealed);
    const pairs = (await remembering.open('one', sealed)) as Record<string, unknown>;
    expect(() => (pairs['k'] = 'changed')).toThrow();
    expect(await remembering.open('one', sealed)).toEqual({ k: 'v' });
  });
});
