import { describe, expect, test } from 'vitest';
import { KmsUnavailable, TokenRejected, TokenValidator } from '../src/index.js';
import type { TokenEvent, TokenValidatorOptions, VerifiedToken } from '../src/index.js';
import { MemoryKms } from './kms.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 21, 22, 0, 0);

const time = (ms: number) => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '');

/** A validator, its KMS with a key of each kind, a clock, and its events. */
function world(options: Partial<TokenValidatorOptions> = {}) {
  const kms = new MemoryKms();
  const keys = {
    service: kms.addKey('alias/authnz-service'),
    sandbox: kms.addKey('alias/authnz-sandbox'),
    user: kms.addKey('alias/authnz-user'),
    unrelated: kms.addKey('alias/unrelated'),
  };
  const clock = { now: START };
  const events: TokenEvent[] = [];
  const validator = new TokenValidator({
    kms,
    to: 'confidant',
    serviceKeys: new Map([
      ['alias/authnz-service', null],
      ['alias/authnz-sandbox', 'sandbox'],
    ]),
    userKeys: ['alias/authnz-user'],
    userTypes: ['service', 'user'],
    minimumVersion: 1,
    maximumVersion: 2,
    maxLifetimeMinutes: 60,
    cacheSize: 100,
    now: () => clock.now,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { kms, keys, clock, events, validator };
}

interface Mint {
  keyId?: string;
  context?: Record<string, string>;
  payload?: string;
  notBefore?: number;
  notAfter?: number;
}

const SERVICE = '2/service/svc';
const USER = '2/user/alice';
const serviceContext = { from: 'svc', to: 'confidant', user_type: 'service' };
const userContext = { from: 'alice', to: 'confidant', user_type: 'user' };

async function mint(kms: MemoryKms, given: Mint = {}): Promise<string> {
  const { keyId = 'alias/authnz-service', context = serviceContext } = given;
  const { notBefore = START - 3 * MINUTE, notAfter = START + 30 * MINUTE } = given;
  const payload = given.payload ?? `{"not_before": "${time(notBefore)}", "not_after": "${time(notAfter)}"}`;
  const { ciphertext } = await kms.encrypt({ keyId, context, plaintext: Buffer.from(payload) });
  return ciphertext.toString('base64');
}

/** The verdict in a word: the reason of the refusal, or "accepted". */
async function verdict(validation: Promise<VerifiedToken>): Promise<string> {
  try {
    await validation;
    return 'accepted';
  } catch (error) {
    if (error instanceof TokenRejected) return error.reason;
    throw error;
  }
}

describe('a good token', () => {
  test('proves who sent it, by which key and until when', async () => {
    const { kms, keys, validator } = world();
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
    const { kms, validator } = world();
    const token = await mint(kms, { keyId: 'alias/authnz-sandbox' });
    expect((await validator.validate(SERVICE, token)).account).toBe('sandbox');
  });

  test('of version 1 is opened with from and to alone, under the bare name and under 1/service', async () => {
    const { kms, validator } = world();
    const token = await mint(kms, { context: { from: 'svc', to: 'confidant' } });
    const expected = { version: 1, userType: 'service', from: 'svc' };
    expect(await validator.validate('svc', token)).toMatchObject(expected);
    expect(await validator.validate('1/service/svc', token)).toMatchObject(expected);
    expect(kms.contexts[0]).toEqual({ from: 'svc', to: 'confidant' });
  });

  test('of a user in version 1 is accepted under a key that is for users alone', async () => {
    const { kms, validator } = world();
    const token = await mint(kms, { keyId: 'alias/authnz-user', context: { from: 'alice', to: 'confidant' } });
    expect(await validator.validate('1/user/alice', token)).toMatchObject({ version: 1, userType: 'user' });
    expect(await verdict(validator.validate('alice', token))).toBe('key');
  });

  test('may be broken into lines, as base64 tools do', async () => {
    const { kms, validator } = world();
    const token = (await mint(kms)).replaceAll(/.{60}/g, '$&\n');
    expect(await verdict(validator.validate(SERVICE, `${token}\n`))).toBe('accepted');
  });

  test('is accepted for keys configured as ARN, as id and as bare alias name', async () => {
    for (const form of ['arn', 'id', 'bare'] as const) {
      const kms = new MemoryKms();
      const arn = kms.addKey('alias/auth');
      const reference = { arn, id: arn.replace(/^.*\//, ''), bare: 'auth' }[form];
      const { validator } = world({ kms, serviceKeys: new Map([[reference, null]]), userKeys: [] });
      expect(await verdict(validator.validate(SERVICE, await mint(kms, { keyId: arn })))).toBe('accepted');
      expect(kms.calls.describeKey).toBe(form === 'arn' ? 0 : 1);
    }
  });
});

describe('a token is refused', () => {
  test('under a malformed username, without a call to KMS', async () => {
    const { kms, validator } = world();
    const token = await mint(kms);
    for (const username of ['', '2/service/svc/x', '2//svc', '2/service/', '0/service/svc', '2/service/svc\n']) {
      expect(await verdict(validator.validate(username, token))).toBe('malformed-username');
    }
    expect(kms.calls.decrypt).toBe(0);
  });

  test('when it is empty, no base64 or larger than KMS makes any, without a call to KMS', async () => {
    const { kms, validator } = world();
    const token = await mint(kms);
    const wrong = ['', '=', 'AAA', 'AAAAA', '====', `${token} `, `-${token.slice(1)}`, `${token.slice(0, -4)}A===`];
    for (const text of [...wrong, `!${token.slice(1)}`, `${token}\0`, 'A'.repeat(8196)]) {
      expect(await verdict(validator.validate(SERVICE, text)), text.slice(0, 20)).toBe('malformed-token');
    }
    expect(kms.calls.decrypt).toBe(0);
  });

  test('in a version that is not allowed', async () => {
    const old = world({ maximumVersion: 1 });
    expect(await verdict(old.validator.validate(SERVICE, await mint(old.kms)))).toBe('version');
    const modern = world({ minimumVersion: 2 });
    const token = await mint(modern.kms, { context: { from: 'svc', to: 'confidant' } });
    expect(await verdict(modern.validator.validate('svc', token))).toBe('version');
    expect(await verdict(modern.validator.validate('1/service/svc', token))).toBe('version');
  });

  test('of a user type that is not let in, or that has no keys', async () => {
    const { kms, keys, validator } = world({ userTypes: ['service', 'robot'] });
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
    const { kms, validator } = world();
    expect(await verdict(validator.validate(SERVICE, await mint(kms, { context })))).toBe('kms-refused');
  });

  test('of random bytes', async () => {
    const { validator } = world();
    expect(await verdict(validator.validate(SERVICE, Buffer.alloc(150, 7).toString('base64')))).toBe('kms-refused');
  });

  test('made with a key that is not trusted, or not for that user type', async () => {
    const { kms, keys, validator } = world();
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
    const { kms, validator } = world();
    for (const payload of ['{}', 'null', 'x', `{"not_before": "${time(START)}"}`]) {
      expect(await verdict(validator.validate(SERVICE, await mint(kms, { payload })))).toBe('payload');
    }
  });

  test('with a lifetime over the limit by a second, by whole days, or below nothing', async () => {
    const { kms, validator } = world();
    const lasting = (ms: number) => mint(kms, { notBefore: START - MINUTE, notAfter: START - MINUTE + ms });
    expect(await verdict(validator.validate(SERVICE, await lasting(60 * MINUTE)))).toBe('accepted');
    expect(await verdict(validator.validate(SERVICE, await lasting(60 * MINUTE + 1000)))).toBe('lifetime');
    expect(await verdict(validator.validate(SERVICE, await lasting(24 * 60 * MINUTE + 10 * MINUTE)))).toBe('lifetime');
    expect(await verdict(validator.validate(SERVICE, await lasting(-1000)))).toBe('lifetime');
  });

  test('before its first and after its last second, and not in them', async () => {
    const { kms, clock, validator } = world({ cacheSize: 0 });
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
    const { kms, keys, validator } = world();
    const token = await mint(kms, { keyId: keys.unrelated });
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(/^the token was refused \(key\)$/);
  });
});

describe('services cannot pass for users', () => {
  const shared = (minimumVersion: 1 | 2) =>
    world({ serviceKeys: new Map([['alias/authnz-service', null]]), userKeys: ['authnz-service'], minimumVersion });

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
    const { validator } = world({ kms, serviceKeys, userKeys: [] });
    expect((await validator.validate(SERVICE, await mint(kms, { keyId: 'alias/one' }))).account).toBeNull();
  });
});

describe('KMS out of reach', () => {
  test('is no verdict: it is not remembered, and the next try asks again', async () => {
    const { kms, validator } = world();
    const token = await mint(kms);
    kms.down.add('decrypt');
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
    kms.down.clear();
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('does not matter for a remembered token', async () => {
    const { kms, clock, validator } = world();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    kms.down.add('decrypt').add('describeKey');
    clock.now += 20 * MINUTE;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('while looking up a key is no verdict either, whichever key it is', async () => {
    const { kms, validator } = world();
    const token = await mint(kms);
    kms.down.add('describeKey');
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
    kms.down.clear();
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('does not keep an alias trusted for longer than an hour', async () => {
    const { kms, clock, validator } = world();
    const later = { notBefore: START + 61 * MINUTE, notAfter: START + 90 * MINUTE };
    await validator.validate(SERVICE, await mint(kms));
    const token = await mint(kms, later);
    kms.down.add('describeKey');
    clock.now += 61 * MINUTE;
    await expect(validator.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
  });
});

describe('aliases', () => {
  test('are looked up once, not with every token', async () => {
    const { kms, validator } = world();
    for (let index = 0; index < 5; index += 1) await validator.validate(SERVICE, await mint(kms));
    expect(kms.calls).toMatchObject({ decrypt: 5, describeKey: 3 });
  });

  test('a new key behind an alias is noticed at its first token', async () => {
    const { kms, clock, validator } = world();
    await validator.validate(SERVICE, await mint(kms));
    clock.now += MINUTE;
    kms.addKey('alias/authnz-service');
    expect(await verdict(validator.validate(SERVICE, await mint(kms)))).toBe('accepted');
  });

  test('the old key behind a re-pointed alias is refused within minutes, remembered tokens included', async () => {
    const { kms, keys, clock, validator } = world();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    kms.addKey('alias/authnz-service');
    clock.now += 5 * MINUTE + 1;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('key');
    expect(await verdict(validator.validate(SERVICE, await mint(kms, { keyId: keys.service })))).toBe('key');
  });

  test('tokens of foreign keys cannot cause look-ups without bound', async () => {
    const { kms, keys, clock, validator } = world();
    for (let second = 0; second < 60; second += 1) {
      clock.now += 1000;
      const token = await mint(kms, { keyId: keys.unrelated });
      expect(await verdict(validator.validate(SERVICE, token))).toBe('key');
    }
    expect(kms.calls.describeKey).toBeLessThanOrEqual(3 * 3);
  });

  test('an alias that does not exist trusts nobody and does not lock out the others', async () => {
    const { kms, keys, validator } = world();
    kms.removeAlias('alias/authnz-sandbox');
    expect(await verdict(validator.validate(SERVICE, await mint(kms)))).toBe('accepted');
    expect(await verdict(validator.validate(SERVICE, await mint(kms, { keyId: keys.sandbox })))).toBe('key');
  });

  test('a remembered token follows its key to another account', async () => {
    const kms = new MemoryKms();
    const first = kms.addKey('alias/authnz-sandbox', 'alias/authnz-service');
    kms.addKey('alias/authnz-sandbox');
    const { clock, validator } = world({ kms, userKeys: [] });
    const token = await mint(kms, { keyId: first });
    expect((await validator.validate(SERVICE, token)).account).toBeNull();
    kms.addKey('alias/authnz-service');
    kms.pointAlias('alias/authnz-sandbox', first);
    clock.now += 5 * MINUTE + 1;
    expect((await validator.validate(SERVICE, token)).account).toBe('sandbox');
  });
});

describe('remembered tokens', () => {
  test('cost KMS nothing', async () => {
    const { kms, validator } = world();
    const token = await mint(kms);
    const first = await validator.validate(SERVICE, token);
    const calls = { ...kms.calls };
    expect(await validator.validate(SERVICE, token)).toEqual(first);
    expect(kms.calls).toEqual(calls);
  });

  test('prove nothing under another version, user type or name', async () => {
    const { kms, validator } = world();
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

  test('expire, and then cost no call to KMS either to refuse once', async () => {
    const { kms, clock, validator } = world();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    clock.now = START + 30 * MINUTE + 1;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('expired');
    expect(kms.calls.decrypt).toBe(1);
    expect(await verdict(validator.validate(SERVICE, token))).toBe('expired');
    expect(kms.calls.decrypt).toBe(2);
  });

  test('are not valid before their time when the clock goes back', async () => {
    const { kms, clock, validator } = world();
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    clock.now = START - 3 * MINUTE - 1;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('not-yet-valid');
  });

  test('are as many as allowed, and the least recently used leave first', async () => {
    const { kms, validator } = world({ cacheSize: 2 });
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

  test('with a cache size of 0 there are none', async () => {
    const { kms, validator } = world({ cacheSize: 0 });
    const token = await mint(kms);
    await validator.validate(SERVICE, token);
    await validator.validate(SERVICE, token);
    expect(kms.calls.decrypt).toBe(2);
  });

  test('refusals are not among them', async () => {
    const { kms, keys, validator } = world();
    const token = await mint(kms, { keyId: keys.unrelated });
    await verdict(validator.validate(SERVICE, token));
    await verdict(validator.validate(SERVICE, token));
    expect(kms.calls.decrypt).toBe(2);
  });

  test('cannot be changed by whoever got the answer', async () => {
    const { kms, validator } = world();
    const token = await mint(kms);
    const answer = (await validator.validate(SERVICE, token)) as { from: string };
    expect(() => (answer.from = 'root')).toThrow(TypeError);
    expect((await validator.validate(SERVICE, token)).from).toBe('svc');
  });
});

describe('concurrent requests', () => {
  test('with one unknown token ask KMS once', async () => {
    const { kms, validator } = world();
    const token = await mint(kms);
    const all = await Promise.all(Array.from({ length: 20 }, () => validator.validate(SERVICE, token)));
    expect(new Set(all.map(({ from }) => from))).toEqual(new Set(['svc']));
    expect(kms.calls).toMatchObject({ decrypt: 1, describeKey: 3 });
  });

  test('with many unknown tokens look up each key once', async () => {
    const { kms, validator } = world();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => mint(kms)));
    await Promise.all(tokens.map((token) => validator.validate(SERVICE, token)));
    expect(kms.calls).toMatchObject({ decrypt: 20, describeKey: 3 });
  });

  test('with one token under two names are two questions, and only one is answered yes', async () => {
    const { kms, validator } = world();
    const token = await mint(kms);
    const both = [validator.validate(SERVICE, token), validator.validate('2/service/svc2', token)];
    expect(await Promise.all(both.map(verdict))).toEqual(['accepted', 'kms-refused']);
  });

  test('share a failure, and the next one asks again', async () => {
    const { kms, validator } = world();
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
  test('count each token by version, time each validation, and time KMS only when it was asked', async () => {
    const { kms, events, validator } = world();
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

  test('hold nothing of tokens or names', async () => {
    const { kms, keys, events, validator } = world();
    const token = await mint(kms, { keyId: keys.unrelated });
    await verdict(validator.validate(SERVICE, token));
    expect(JSON.stringify(events)).not.toMatch(new RegExp(`svc|${token.slice(0, 10)}`));
  });
});
