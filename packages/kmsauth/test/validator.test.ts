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
  test('proves who sent it, by which key and until when', async () => {
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

  test('of a scoped key proves the account', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms, { keyId: 'alias/authnz-sandbox' });
    expect((await validator.validate(SERVICE, token)).account).toBe('sandbox');
  });

  test('of version 1 is opened with from and to alone, under the bare name and under 1/service', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms, { context: { from: 'svc', to: 'confidant' } });
    const expected = { version: 1, userType: 'service', from: 'svc' };
    expect(await validator.validate('svc', token)).toMatchObject(expected);
    expect(await validator.validate('1/service/svc', token)).toMatchObject(expected);
    expect(kms.contexts[0]).toEqual({ from: 'svc', to: 'confidant' });
  });

  test('of a user in version 1 is accepted under a key that is for users alone', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms, { keyId: 'alias/authnz-user', context: { from: 'alice', to: 'confidant' } });
    expect(await validator.validate('1/user/alice', token)).toMatchObject({ version: 1, userType: 'user' });
    expect(await verdict(validator.validate('alice', token))).toBe('key');
  });

  test('may be broken into lines, as base64 tools do', async () => {
    const { kms, validator } = setUp();
    const token = (await mint(kms)).replaceAll(/.{60}/g, '$&\n');
    expect(await verdict(validator.validate(SERVICE, `${token}\n`))).toBe('accepted');
  });

  test('is accepted for keys configured as ARN, as id and as bare alias name', async () => {
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
  test('under a malformed username, without a call to KMS', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    for (const username of ['', '2/service/svc/x', '2//svc', '2/service/', '0/service/svc', '2/service/svc\n']) {
      expect(await verdict(validator.validate(username, token))).toBe('malformed-username');
    }
    expect(kms.calls.decrypt).toBe(0);
  });

  test('when it is empty, no base64 or larger than KMS makes any, without a call to KMS', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    const wrong = ['', '=', 'AAA', 'AAAAA', '====', `${token} `, `-${token.slice(1)}`, `${token.slice(0, -4)}A===`];
    for (const text of [...wrong, `!${token.slice(1)}`, `${token}\0`, 'A'.repeat(8196)]) {
      expect(await verdict(validator.validate(SERVICE, text)), text.slice(0, 20)).toBe('malformed-token');
    }
    expect(kms.calls.decrypt).toBe(0);
  });

  test('in a version that is not allowed', async () => {
    const old = setUp({ maximumVersion: 1 });
    expect(await verdict(old.validator.validate(SERVICE, await mint(old.kms)))).toBe('version');
    const modern = setUp({ minimumVersion: 2 });
    const token = await mint(modern.kms, { context: { from: 'svc', to: 'confidant' } });
    expect(await verdict(modern.validator.validate('svc', token))).toBe('version');
    expect(await verdict(modern.validator.validate('1/service/svc', token))).toBe('version');
  });

  test('of a user type that is not let in, or that has no keys', async () => {
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
  ])('made for %s', async (_what, context) => {
    const { kms, validator } = setUp();
    expect(await verdict(validator.validate(SERVICE, await mint(kms, { context })))).toBe('kms-refused');
  });

  test('of random bytes', async () => {
    const { validator } = setUp();
    expect(await verdict(validator.validate(SERVICE, Buffer.alloc(150, 7).toString('base64')))).toBe('kms-refused');
  });

  test('made with a key that is not trusted, or not for that user type', async () => {
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

  test('with a payload that is none', async () => {
    const { kms, validator } = setUp();
    for (const payload of ['{}', 'null', 'x', `{"not_before": "${time(START)}"}`]) {
      expect(await verdict(validator.validate(SERVICE, await mint(kms, { payload })))).toBe('payload');
    }
  });

  test('with a lifetime over the limit by a second, by whole days, or below nothing', async () => {
    const { kms, validator } = setUp();
    const lasting = (ms: number) => mint(kms, { notBefore: START - MINUTE, notAfter: START - MINUTE + ms });
    expect(await verdict(validator.validate(SERVICE, await lasting(60 * MINUTE)))).toBe('accepted');
    expect(await verdict(validator.validate(SERVICE, await lasting(60 * MINUTE + 1000)))).toBe('lifetime');
    expect(await verdict(validator.validate(SERVICE, await lasting(24 * 60 * MINUTE + 10 * MINUTE)))).toBe('lifetime');
    expect(await verdict(validator.validate(SERVICE, await lasting(-1000)))).toBe('lifetime');
  });

  test('before its first and after its last second, and not in them', async () => {
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

  test('and neither the reason nor the message shows token or username', async () => {
    const { kms, keys, validator } = setUp();
    const token = await mint(kms, { keyId: keys.unrelated });
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(/^the token was refused \(key\)$/);
  });
});

describe('services cannot pass for users', () => {
  const shared = (minimumVersion: 1 | 2) =>
    setUp({ serviceKeys: new Map([['alias/authnz-service', null]]), userKeys: ['authnz-service'], minimumVersion });

  test('with a key of both while version 1 is allowed, whatever version they use', async () => {
    const { kms, validator } = shared(1);
    const v1 = await mint(kms, { context: { from: 'svc', to: 'confidant' } });
    expect(await verdict(validator.validate('svc', v1))).toBe('accepted');
    expect(await verdict(validator.validate('1/user/svc', v1))).toBe('key');
    const v2 = await mint(kms, { context: { ...serviceContext, user_type: 'user' } });
    expect(await verdict(validator.validate('2/user/svc', v2))).toBe('key');
  });

  test('once version 2 is the minimum, the context keeps them apart', async () => {
    const { kms, validator } = shared(2);
    expect(await verdict(validator.validate(USER, await mint(kms, { context: userContext })))).toBe('accepted');
    expect(await verdict(validator.validate('2/user/svc', await mint(kms)))).toBe('kms-refused');
  });
});

describe('one key under several references', () => {
  test('of different accounts proves no account', async () => {
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
  test('is no verdict: it is not remembered, and the next try asks again', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    kms.down.add('decrypt');
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
    kms.down.clear();
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('does not matter for a remembered token', async () => {
    const { kms, clock, validator } = setUp();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    kms.down.add('decrypt').add('describeKey');
    clock.now += 20 * MINUTE;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('while looking up a key is no verdict either, whichever key it is', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    kms.down.add('describeKey');
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
    kms.down.clear();
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('does not keep an alias trusted for longer than an hour', async () => {
    const { kms, clock, validator } = setUp();
    const later = { notBefore: START + 61 * MINUTE, notAfter: START + 90 * MINUTE };
    await validator.validate(SERVICE, await mint(kms));
    const token = await mint(kms, later);
    kms.down.add('describeKey');
    clock.now += 61 * MINUTE;
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
  });
});
