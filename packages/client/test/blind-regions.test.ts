import { encryptBlind, type KmsLike, KmsUnavailable } from '@confidant/kmsauth';
import { describe, expect, test } from 'vitest';
import { MemoryKms } from '../../kmsauth/test/memory-kms.js';
import { BlindCredentialError, openBlindCredential } from '../src/index.js';

const PAIRS = { key: 'blind value' };
const REGIONS = ['us-east-1', 'us-west-2', 'eu-west-1'];

type Stored = Parameters<typeof openBlindCredential>[0];

function kmsOf(region: string): MemoryKms {
  const kms = new MemoryKms(region);
  kms.addKey('alias/blind');
  return kms;
}

/** A blind credential with a copy in each of these regions, and each region's KMS. */
async function seal(regions: readonly string[]): Promise<{ credential: Stored; kms: Record<string, KmsLike> }> {
  const kms = Object.fromEntries(REGIONS.map((region) => [region, kmsOf(region)]));
  const contexts = Object.fromEntries(regions.map((region) => [region, { group: region }]));
  const keys = Object.fromEntries(regions.map((region) => [region, 'alias/blind']));
  const sealed = await encryptBlind({ pairs: PAIRS, keys, contexts, kmsFor: (region) => kms[region]! });
  const credential = {
    id: 'x',
    name: 'tls',
    cipher_type: 'fernet',
    cipher_version: 2,
    metadata: { context: contexts },
  };
  return { credential: { ...credential, ...sealed }, kms };
}

// Neither has made the key of any credential.
const REFUSED = kmsOf('us-east-1');
const AWAY = kmsOf('us-east-1');
AWAY.down.add('decrypt');

/** Opens the credential as a caller in us-east-1, and returns what came of it and the regions that were asked. */
async function open(credential: Stored, kms: Record<string, KmsLike>) {
  const asked: string[] = [];
  const result: unknown = await openBlindCredential(credential, 'us-east-1', (region) => {
    asked.push(region);
    return kms[region]!;
  }).catch((error: unknown) => error);
  return { result, asked };
}

describe('a blind credential is decrypted', () => {
  test("in the caller's region if that has a copy, and nowhere else", async () => {
    const { credential, kms } = await seal(['us-west-2', 'us-east-1']);
    expect(await open(credential, kms)).toEqual({ result: PAIRS, asked: ['us-east-1'] });
  });

  test("in the region of its own key if the caller's region has no copy", async () => {
    const { credential, kms } = await seal(['us-west-2']);
    expect(await open(credential, kms)).toEqual({ result: PAIRS, asked: ['us-west-2'] });
  });

  test.each([
    ['refuses', REFUSED],
    ['does not answer', AWAY],
  ])("in another region if KMS of the caller's region %s", async (_, failure) => {
    const { credential, kms } = await seal(['us-east-1', 'us-west-2']);
    const tried = { result: PAIRS, asked: ['us-east-1', 'us-west-2'] };
    expect(await open(credential, { ...kms, 'us-east-1': failure })).toEqual(tried);
  });

  test('in another region if a copy lacks a part', async () => {
    const { credential, kms } = await seal(['us-east-1', 'us-west-2']);
    const { 'us-east-1': _, ...data_key } = credential.data_key;
    expect(await open({ ...credential, data_key }, kms)).toEqual({ result: PAIRS, asked: ['us-west-2'] });
  });
});

describe('a blind credential that no region opens', () => {
  test('is an error that names every region and reason', async () => {
    const { credential, kms } = await seal(['us-east-1', 'us-west-2']);
    const { result } = await open(credential, { ...kms, 'us-east-1': REFUSED, 'us-west-2': REFUSED });
    expect(result).toBeInstanceOf(BlindCredentialError);
    expect(String(result)).toMatch(/in us-east-1: .*refused.*; in us-west-2: .*refused/);
  });

  test('is unavailable, and may be tried again, if one of the regions does not answer', async () => {
    const { credential, kms } = await seal(['us-east-1', 'us-west-2']);
    const { result } = await open(credential, { ...kms, 'us-east-1': REFUSED, 'us-west-2': AWAY });
    expect(result).toBeInstanceOf(KmsUnavailable);
  });

  test('is an error that says so if there is no copy at all', async () => {
    const { credential, kms } = await seal(['us-west-2']);
    const { result } = await open({ ...credential, data_key: {}, credential_pairs: {} }, kms);
    expect(String(result)).toMatch(/cannot be decrypted in us-east-1: nothing is encrypted for region us-east-1/);
  });
});
