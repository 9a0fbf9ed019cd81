import { describe, expect, test } from 'vitest';
import { KmsRefused, KmsUnavailable } from '../src/index.js';
import { MemoryKms } from './memory-kms.js';
import { mint, SERVICE, setUp, verdict } from './validator-setup.js';

/** Returns random text in place of a token, different for each number. */
function invented(number: number): string {
  return Buffer.alloc(150, `invented ${number} `).toString('base64');
}

describe('rejected tokens', () => {
  test('a rejected token is rejected again without a call to KMS, for less than half a minute', async () => {
    const { kms, keys, clock, validator } = setUp();
    const token = await mint(kms, { keyId: keys.unrelated });
    for (let time = 0; time < 3; time += 1) expect(await verdict(validator.validate(SERVICE, token))).toBe('key');
    expect(kms.calls.decrypt).toBe(1);
    clock.now += 30_000;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('key');
    expect(kms.calls.decrypt).toBe(2);
  });

  test('a rejection counts only for the name that was checked, and KMS is called for another name', async () => {
    const { kms, validator } = setUp();
    const token = await mint(kms);
    expect(await verdict(validator.validate('2/service/other', token))).toBe('kms-refused');
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });

  test('a token that was only too early is accepted as soon as it is valid', async () => {
    const { kms, clock, validator } = setUp();
    const token = await mint(kms, { notBefore: clock.now + 2000 });
    expect(await verdict(validator.validate(SERVICE, token))).toBe('not-yet-valid');
    clock.now += 2000;
    expect(await verdict(validator.validate(SERVICE, token))).toBe('accepted');
  });
});

describe('invented tokens', () => {
  test('invented tokens from one address cause a bounded number of calls to KMS, and do not affect other addresses', async () => {
    const { kms, clock, validator } = setUp();
    const known = await mint(kms);
    await validator.validate(SERVICE, known, '192.0.2.1');
    let unasked = 0;
    for (let number = 0; number < 2000; number += 1) {
      await verdict(validator.validate(SERVICE, invented(number), '192.0.2.1')).catch((error: unknown) => {
        expect(error).toMatchObject({ name: 'KmsUnavailable', code: 'TooManyRejectedTokens' });
        unasked += 1;
      });
    }
    expect(unasked).toBeGreaterThan(1700);
    expect(kms.calls.decrypt).toBeLessThan(300);
    // A cached token needs no call, and other addresses are not limited yet.
    expect(await verdict(validator.validate(SERVICE, known, '192.0.2.1'))).toBe('accepted');
    expect(await verdict(validator.validate(SERVICE, await mint(kms), '192.0.2.2'))).toBe('accepted');
    clock.now += 1000;
    expect(await verdict(validator.validate(SERVICE, await mint(kms), '192.0.2.1'))).toBe('accepted');
  });

  test('invented tokens from many addresses cause a bounded number of calls too, and known tokens stay valid', async () => {
    const { kms, validator } = setUp();
    const known = await mint(kms);
    await validator.validate(SERVICE, known);
    for (let number = 0; number < 3000; number += 1) {
      await verdict(validator.validate(SERVICE, invented(number), `address ${number}`)).catch(() => undefined);
    }
    expect(kms.calls.decrypt).toBeLessThan(1100);
    expect(await verdict(validator.validate(SERVICE, known))).toBe('accepted');
  });

  test('valid tokens are never limited, however many arrive at the same time', async () => {
    const { kms, validator } = setUp({ cacheSize: 5000 });
    const tokens = await Promise.all(Array.from({ length: 3000 }, () => mint(kms)));
    const verdicts = await Promise.all(tokens.map((token) => verdict(validator.validate(SERVICE, token, '192.0.2.1'))));
    expect(new Set(verdicts)).toEqual(new Set(['accepted']));
  });
});

describe('failures of KMS that say nothing about the token', () => {
  class TroubledKms extends MemoryKms {
    refusal: string | undefined;
    hidden: string | undefined;

    override decrypt(request: Parameters<MemoryKms['decrypt']>[0]): ReturnType<MemoryKms['decrypt']> {
      return this.refusal === undefined ? super.decrypt(request) : Promise.reject(new KmsRefused(this.refusal));
    }

    override describeKey(keyId: string): ReturnType<MemoryKms['describeKey']> {
      const isHidden = keyId === this.hidden;
      return isHidden ? Promise.reject(new KmsRefused('AccessDeniedException')) : super.describeKey(keyId);
    }
  }

  test.each([
    'AccessDeniedException',
    'DisabledException',
    'KMSInvalidStateException',
    'NotFoundException',
    'InvalidKeyUsageException',
    'SomethingNewException',
  ])('%s is KmsUnavailable, not a rejection of the token', async (code) => {
    const kms = new TroubledKms();
    const { validator } = setUp();
    const troubled = setUp({ kms }).validator;
    kms.addKey('alias/authnz-service');
    const token = await mint(kms);
    kms.refusal = code;
    await expect(troubled.validate(SERVICE, token)).rejects.toThrow(KmsUnavailable);
    await expect(validator.validate(SERVICE, token)).rejects.toMatchObject({ reason: 'kms-refused' });
    kms.refusal = undefined;
    kms.addKey('alias/authnz-sandbox');
    kms.addKey('alias/authnz-user');
    expect(await verdict(troubled.validate(SERVICE, token))).toBe('accepted');
  });

  test.each(['InvalidCiphertextException', 'IncorrectKeyException'])('%s rejects the token', async (code) => {
    const kms = new TroubledKms();
    kms.refusal = code;
    const { validator } = setUp({ kms });
    expect(await verdict(validator.validate(SERVICE, invented(1)))).toBe('kms-refused');
  });

  test('a key that cannot be resolved affects no other key, and its tokens are KmsUnavailable, not rejected', async () => {
    const kms = new TroubledKms();
    kms.addKey('alias/authnz-service');
    const sandbox = kms.addKey('alias/authnz-sandbox');
    kms.addKey('alias/authnz-user');
    kms.hidden = 'alias/authnz-sandbox';
    const { validator } = setUp({ kms });
    expect(await verdict(validator.validate(SERVICE, await mint(kms)))).toBe('accepted');
    await expect(validator.validate(SERVICE, await mint(kms, { keyId: sandbox }))).rejects.toThrow(KmsUnavailable);
  });
});
