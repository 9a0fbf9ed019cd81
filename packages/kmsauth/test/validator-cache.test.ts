import { describe, expect, test } from 'vitest';
import { MemoryKms } from './memory-kms.js';
import { MINUTE, START, setUp, SERVICE, mint, verdict } from './validator-setup.js';

describe('aliases', () => {
  test('aliases are resolved once, not for every token', async () => {
    const { kms, validator } = setUp();
    for (let index = 0; index < 5; index += 1) await validator.validate(SERVICE, await mint(kms));
    expect(kms.calls).toMatchObject({ decrypt: 5, describeKey: 3 });
  });

  test('a new key behind an alias is accepted with its first token', async () => {
    const { kms, clock, validator } = setUp();
    await validator.validate(SERVICE, await mint(kms));
    clock.now += MINUTE;
    kms.addKey('alias/authnz-service');
    expect(await verdict(validator.validate(SERVICE, await mint(kms)))).toBe('accepted');
  });

  test('the old key of a re-pointed alias is rejected within minutes, also for cached tokens', async () => {
    const { kms, keys, clock, validator } = setUp();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    kms.addKey('alias/authnz-service');
    clock.now += 5 * MINUTE + 1;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('key');
    expect(await verdict(validator.validate(SERVICE, await mint(kms, { keyId: keys.service })))).toBe('key');
  });

  test('tokens of foreign keys cannot cause unlimited look-ups', async () => {
    const { kms, keys, clock, validator } = setUp();
    for (let second = 0; second < 60; second += 1) {
      clock.now += 1000;
      const token = await mint(kms, { keyId: keys.unrelated });
      expect(await verdict(validator.validate(SERVICE, token))).toBe('key');
    }
    expect(kms.calls.describeKey).toBeLessThanOrEqual(3 * 3);
  });

  test('an alias that does not exist is never trusted, and does not affect other keys', async () => {
    const { kms, keys, validator } = setUp();
    kms.removeAlias('alias/authnz-sandbox');
    expect(await verdict(validator.validate(SERVICE, await mint(kms)))).toBe('accepted');
    expect(await verdict(validator.validate(SERVICE, await mint(kms, { keyId: keys.sandbox })))).toBe('key');
  });

  test('a cached token follows its key to another account', async () => {
    const kms = new MemoryKms();
    const first = kms.addKey('alias/authnz-sandbox', 'alias/authnz-service');
    kms.addKey('alias/authnz-sandbox');
    const { clock, validator } = setUp({ kms, userKeys: [] });
    const token = await mint(kms, { keyId: first });
    expect((await validator.validate(SERVICE, token)).account).toBeNull();
    kms.addKey('alias/authnz-service');
    kms.pointAlias('alias/authnz-sandbox', first);
    clock.now += 5 * MINUTE + 1;
    expect((await validator.validate(SERVICE, token)).account).toBe('sandbox');
  });
});

describe('cached tokens', () => {
  test('a cached token needs no call to KMS', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    const first = await validator.validate(SERVICE, token);
    const calls = { ...kms.calls };
    expect(await validator.validate(SERVICE, token)).toEqual(first);
    expect(kms.calls).toEqual(calls);
  });

  test('a cached token is not valid for another version, user type or name', async () => {
    const { kms, validator } = setUp();
    const v2 = await mint(kms);
    const v1 = await mint(kms, { context: { from: 'svc', to: 'confidant' } });
    await validator.validate(SERVICE, v2);
    await validator.validate('svc', v1);
    expect(await verdict(validator.validate('svc', v2))).toBe('kms-refused');
    expect(await verdict(validator.validate('1/service/svc', v2))).toBe('kms-refused');
    expect(await verdict(validator.validate(SERVICE, v1))).toBe('kms-refused');
    expect(await verdict(validator.validate('2/user/svc', v2))).toBe('kms-refused');
    expect(await verdict(validator.validate('1/user/svc', v1))).toBe('key');
    expect(await verdict(validator.validate('2/service/svc2', v2))).toBe('kms-refused');
    expect(await verdict(validator.validate(SERVICE, v2))).toBe('accepted');
  });

  test('an expired cached token is rejected without a call to KMS', async () => {
    const { kms, clock, validator } = setUp();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    clock.now = START + 30 * MINUTE + 1;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('expired');
    expect(kms.calls.decrypt).toBe(1);
    expect(await verdict(validator.validate(SERVICE, token))).toBe('expired');
    expect(kms.calls.decrypt).toBe(2);
  });

  test('a cached token is not valid yet when the clock goes back', async () => {
    const { kms, clock, validator } = setUp();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    clock.now = START - 3 * MINUTE - 1;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('not-yet-valid');
  });

  test('the cache holds at most cacheSize tokens and drops the least recently used', async () => {
    const { kms, validator } = setUp({ cacheSize: 2 });
    const tokens = [await mint(kms), await mint(kms), await mint(kms)] as const;
    await validator.validate(SERVICE, tokens[0]);
    await validator.validate(SERVICE, tokens[1]);
    await validator.validate(SERVICE, tokens[0]);
    await validator.validate(SERVICE, tokens[2]);
    expect(kms.calls.decrypt).toBe(3);
    await validator.validate(SERVICE, tokens[0]);
    expect(kms.calls.decrypt).toBe(3);
    await validator.validate(SERVICE, tokens[1]);
    expect(kms.calls.decrypt).toBe(4);
  });

  test('a cacheSize of 0 turns the cache off', async () => {
    const { kms, validator } = setUp({ cacheSize: 0 });
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    await validator.validate(SERVICE, token);
    expect(kms.calls.decrypt).toBe(2);
  });

  test('callers cannot change a cached result', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    const answer = (await validator.validate(SERVICE, token)) as { from: string };
    expect(() => (answer.from = 'root')).toThrow(TypeError);
    expect((await validator.validate(SERVICE, token)).from).toBe('svc');
  });
});

describe('concurrent requests', () => {
  test('concurrent requests with one unknown token call KMS once', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    const all = await Promise.all(Array.from({ length: 20 }, () => validator.validate(SERVICE, token)));
    expect(new Set(all.map(({ from }) => from))).toEqual(new Set(['svc']));
    expect(kms.calls).toMatchObject({ decrypt: 1, describeKey: 3 });
  });

  test('concurrent requests with many unknown tokens resolve each key once', async () => {
    const { kms, validator } = setUp();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => mint(kms)));
    await Promise.all(tokens.map((token) => validator.validate(SERVICE, token)));
    expect(kms.calls).toMatchObject({ decrypt: 20, describeKey: 3 });
  });

  test('one token under two usernames is verified twice, and only one is accepted', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    const both = [validator.validate(SERVICE, token), validator.validate('2/service/svc2', token)];
    expect(await Promise.all(both.map(verdict))).toEqual(['accepted', 'kms-refused']);
  });

  test('concurrent requests share a failure, and the next one tries again', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    kms.down.add('decrypt');
    const settled = await Promise.allSettled([validator.validate(SERVICE, token), validator.validate(SERVICE, token)]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(kms.calls.decrypt).toBe(1);
    kms.down.clear();
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });
});

describe('events', () => {
  test('events count tokens by version, and time every validation and every call to KMS', async () => {
    const { kms, events, validator } = setUp();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    await validator.validate(SERVICE, token);
    const v1 = await mint(kms, { context: { from: 'svc', to: 'confidant' } });
    await validator.validate('svc', v1);
    expect(events.map(({ name }) => name).join(' ')).toBe(
      [
        'token_version_2 kms_decrypt_token decrypt_token',
        'token_version_2 decrypt_token',
        'token_version_1 kms_decrypt_token decrypt_token',
      ].join(' '),
    );
    for (const event of events) {
      if (event.kind === 'timer') expect(event.durationMs).toBeGreaterThanOrEqual(0);
      else expect(event.count).toBe(1);
    }
  });

  test('events contain neither tokens nor names', async () => {
    const { kms, keys, events, validator } = setUp();
    const token = await mint(kms, { keyId: keys.unrelated });
    await verdict(validator.validate(SERVICE, token));
    expect(JSON.stringify(events)).not.toMatch(new RegExp(`svc|${token.slice(0, 10)}`));
  });
});
