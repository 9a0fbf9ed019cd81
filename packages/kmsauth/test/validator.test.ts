import { describe, expect, test } from 'vitest';
import { KmsUnavailable } from '../src/index.js';
import { MemoryKms } from './memory-kms.js';
import {
  MINUTE,
  START,
  time,
  setUp,
  SERVICE,
  USER,
  serviceContext,
  userContext,
  mint,
  verdict,
  type Mint,
} from './validator-setup.js';

describe('a good token', () => {
  test('a valid token proves its sender, its key and its expiry', async () => {
    const { kms, keys, validator } = setUp();
    expect(await validator.validate(SERVICE, await mint(kms))).toEqual({
      version: 2,
      userType: 'service',
      from: 'svc',
      account: null,
      notAfter: START + 30 * MINUTE,
      keyArn: keys.service,
    });
    expect(await validator.validate(USER, await mint(kms, { keyId: keys.user, context: userContext }))).toMatchObject({
      userType: 'user',
      from: 'alice',
      account: null,
      keyArn: keys.user,
    });
  });

  test('a token of a scoped key proves the account', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms, { keyId: 'alias/authnz-sandbox' });
    expect((await validator.validate(SERVICE, token)).account).toBe('sandbox');
  });

  test('a token of version 1 is decrypted with from and to only, for the bare name and for 1/service', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms, { context: { from: 'svc', to: 'confidant' } });
    const expected = { version: 1, userType: 'service', from: 'svc' };
    expect(await validator.validate('svc', token)).toMatchObject(expected);
    expect(await validator.validate('1/service/svc', token)).toMatchObject(expected);
    expect(kms.contexts[0]).toEqual({ from: 'svc', to: 'confidant' });
  });

  test('a user token of version 1 is accepted for a key that is only for users', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms, { keyId: 'alias/authnz-user', context: { from: 'alice', to: 'confidant' } });
    expect(await validator.validate('1/user/alice', token)).toMatchObject({ version: 1, userType: 'user' });
    expect(await verdict(validator.validate('alice', token))).toBe('key');
  });

  test('a token may contain line breaks, as base64 tools write them', async () => {
    const { kms, validator } = setUp();
    const token = (await mint(kms)).replaceAll(/.{60}/g, '$&\n');
    expect(await verdict(validator.validate(SERVICE, `${token}\n`))).toBe('accepted');
  });

  test('keys may be configured as ARN, as id and as bare alias name', async () => {
    for (const form of ['arn', 'id', 'bare'] as const) {
      const kms = new MemoryKms();
      const arn = kms.addKey('alias/auth');
      const reference = { arn, id: arn.replace(/^.*\//, ''), bare: 'auth' }[form];
      const { validator } = setUp({ kms, serviceKeys: new Map([[reference, null]]), userKeys: [] });
      expect(await verdict(validator.validate(SERVICE, await mint(kms, { keyId: arn })))).toBe('accepted');
      expect(kms.calls.describeKey).toBe(form === 'arn' ? 0 : 1);
    }
  });
});

describe('a token is refused', () => {
  test('a malformed username is rejected without a call to KMS', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    for (const username of ['', '2/service/svc/x', '2//svc', '2/service/', '0/service/svc', '2/service/svc\n']) {
      expect(await verdict(validator.validate(username, token))).toBe('malformed-username');
    }
    expect(kms.calls.decrypt).toBe(0);
  });

  test('a token that is empty, not base64 or too long is rejected without a call to KMS', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    const wrong = ['', '=', 'AAA', 'AAAAA', '====', `${token} `, `-${token.slice(1)}`, `${token.slice(0, -4)}A===`];
    for (const text of [...wrong, `!${token.slice(1)}`, `${token}\0`, 'A'.repeat(8196)]) {
      expect(await verdict(validator.validate(SERVICE, text)), text.slice(0, 20)).toBe('malformed-token');
    }
    expect(kms.calls.decrypt).toBe(0);
  });

  test('a token of a disallowed version is rejected', async () => {
    const old = setUp({ maximumVersion: 1 });
    expect(await verdict(old.validator.validate(SERVICE, await mint(old.kms)))).toBe('version');
    const modern = setUp({ minimumVersion: 2 });
    const token = await mint(modern.kms, { context: { from: 'svc', to: 'confidant' } });
    expect(await verdict(modern.validator.validate('svc', token))).toBe('version');
    expect(await verdict(modern.validator.validate('1/service/svc', token))).toBe('version');
  });

  test('a user type that is not accepted or has no keys is rejected', async () => {
    const { kms, keys, validator } = setUp({ userTypes: ['service', 'robot'] });
    const token = await mint(kms, { keyId: keys.user, context: userContext });
    expect(await verdict(validator.validate(USER, token))).toBe('user-type');
    const robot = await mint(kms, { context: { from: 'r2', to: 'confidant', user_type: 'robot' } });
    expect(await verdict(validator.validate('2/robot/r2', robot))).toBe('key');
  });

  test.each<[string, Record<string, string>]>([
    ['another sender', { ...serviceContext, from: 'other' }],
    ['another receiver', { ...serviceContext, to: 'other' }],
    ['another user type', { ...serviceContext, user_type: 'user' }],
    ['no user type', { from: 'svc', to: 'confidant' }],
    ['more than the three', { ...serviceContext, extra: 'x' }],
    ['the same text split elsewhere', { from: 'svc', to: 'confidantuser_type', service: '' }],
  ])('a token made for %s is rejected', async (_what, context) => {
    const { kms, validator } = setUp();
    expect(await verdict(validator.validate(SERVICE, await mint(kms, { context })))).toBe('kms-refused');
  });

  test('random bytes are rejected', async () => {
    const { validator } = setUp();
    expect(await verdict(validator.validate(SERVICE, Buffer.alloc(150, 7).toString('base64')))).toBe('kms-refused');
  });

  test('a token made with an untrusted key, or a key for the other user type, is rejected', async () => {
    const { kms, keys, validator } = setUp();
    const cases: [string, Mint][] = [
      [SERVICE, { keyId: keys.unrelated }],
      [SERVICE, { keyId: keys.user }],
      [USER, { keyId: keys.service, context: userContext }],
      [USER, { keyId: keys.sandbox, context: userContext }],
    ];
    for (const [username, given] of cases) {
      expect(await verdict(validator.validate(username, await mint(kms, given)))).toBe('key');
    }
  });

  test('a malformed payload is rejected', async () => {
    const { kms, validator } = setUp();
    for (const payload of ['{}', 'null', 'x', `{"not_before": "${time(START)}"}`]) {
      expect(await verdict(validator.validate(SERVICE, await mint(kms, { payload })))).toBe('payload');
    }
  });

  test('a lifetime that is too long, by a second or by days, or negative is rejected', async () => {
    const { kms, validator } = setUp();
    const lasting = (ms: number) => mint(kms, { notBefore: START - MINUTE, notAfter: START - MINUTE + ms });
    expect(await verdict(validator.validate(SERVICE, await lasting(60 * MINUTE)))).toBe('accepted');
    expect(await verdict(validator.validate(SERVICE, await lasting(60 * MINUTE + 1000)))).toBe('lifetime');
    expect(await verdict(validator.validate(SERVICE, await lasting(24 * 60 * MINUTE + 10 * MINUTE)))).toBe('lifetime');
    expect(await verdict(validator.validate(SERVICE, await lasting(-1000)))).toBe('lifetime');
  });

  test('a token is rejected before its first and after its last second, and accepted in them', async () => {
    const { kms, clock, validator } = setUp({ cacheSize: 0 });
    const token = await mint(kms, { notBefore: START, notAfter: START + MINUTE });
    const at = async (now: number) => {
      clock.now = now;
      return verdict(validator.validate(SERVICE, token));
    };
    expect(await at(START - 1)).toBe('not-yet-valid');
    expect(await at(START)).toBe('accepted');
    expect(await at(START + MINUTE)).toBe('accepted');
    expect(await at(START + MINUTE + 1)).toBe('expired');
  });

  test('neither the reason nor the message of a rejection contains token or username', async () => {
    const { kms, keys, validator } = setUp();
    const token = await mint(kms, { keyId: keys.unrelated });
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(/^the token was refused \(key\)$/);
  });
});

describe('services cannot pass for users', () => {
  const shared = (minimumVersion: 1 | 2) =>
    setUp({ serviceKeys: new Map([['alias/authnz-service', null]]), userKeys: ['authnz-service'], minimumVersion });

  test('a key for services and users does not prove a user while version 1 is allowed', async () => {
    const { kms, validator } = shared(1);
    const v1 = await mint(kms, { context: { from: 'svc', to: 'confidant' } });
    expect(await verdict(validator.validate('svc', v1))).toBe('accepted');
    expect(await verdict(validator.validate('1/user/svc', v1))).toBe('key');
    const v2 = await mint(kms, { context: { ...serviceContext, user_type: 'user' } });
    expect(await verdict(validator.validate('2/user/svc', v2))).toBe('key');
  });

  test('once version 2 is the minimum, the context distinguishes services and users', async () => {
    const { kms, validator } = shared(2);
    expect(await verdict(validator.validate(USER, await mint(kms, { context: userContext })))).toBe('accepted');
    expect(await verdict(validator.validate('2/user/svc', await mint(kms)))).toBe('kms-refused');
  });
});

describe('one key under several references', () => {
  test('a key configured for different accounts proves no account', async () => {
    const kms = new MemoryKms();
    kms.addKey('alias/one', 'alias/two');
    const serviceKeys = new Map([
      ['alias/one', 'one'],
      ['alias/two', 'two'],
    ]);
    const { validator } = setUp({ kms, serviceKeys, userKeys: [] });
    expect((await validator.validate(SERVICE, await mint(kms, { keyId: 'alias/one' }))).account).toBeNull();
  });
});

describe('KMS out of reach', () => {
  test('an unavailable KMS is not cached, and the next validation tries again', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    kms.down.add('decrypt');
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
    kms.down.clear();
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('a cached token is accepted while KMS is unavailable', async () => {
    const { kms, clock, validator } = setUp();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    kms.down.add('decrypt').add('describeKey');
    clock.now += 20 * MINUTE;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('KMS failing to resolve any key is KmsUnavailable, not a rejection', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    kms.down.add('describeKey');
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
    kms.down.clear();
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('an alias is not trusted for longer than an hour while KMS is unavailable', async () => {
    const { kms, clock, validator } = setUp();
    const later = { notBefore: START + 61 * MINUTE, notAfter: START + 90 * MINUTE };
    await validator.validate(SERVICE, await mint(kms));
    const token = await mint(kms, later);
    kms.down.add('describeKey');
    clock.now += 61 * MINUTE;
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
  });
});
