import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  FernetError,
  FernetKey,
  KmsRefused,
  KmsUnavailable,
  decryptBlind,
  encryptBlind,
  type BlindPairs,
  type EncryptionContext,
} from '../src/index.js';
import { MemoryKms, golden, goldenJson, recordedKms } from './memory-kms.js';

const regions = ['us-east-1', 'us-west-2'] as const;
type Contexts = Record<string, EncryptionContext>;

/** Two regions, each with a KMS and a key of its own. */
function setUp() {
  const kms = { 'us-east-1': new MemoryKms('us-east-1'), 'us-west-2': new MemoryKms('us-west-2') };
  kms['us-east-1'].addKey('alias/blind-useast1');
  kms['us-west-2'].addKey('alias/blind-uswest2');
  return {
    kms,
    keys: { 'us-east-1': 'alias/blind-useast1', 'us-west-2': 'alias/blind-uswest2' },
    contexts: { 'us-east-1': { to: 'svc' }, 'us-west-2': { to: 'svc' } } as Contexts,
    kmsFor: (region: string) => kms[region as keyof typeof kms],
  };
}

describe("the original client's blind credentials", () => {
  interface Item {
    data_type: { S: string };
    name: { S: string };
    credential_pairs: { S: string };
    data_key: { S: string };
    metadata: { S: string };
    credential_keys?: { SS: string[] };
  }
  const items = golden('dynamodb-table.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Item)
    // Made by hand for the HTTP recordings: no ciphertext in them.
    .filter(({ data_type, credential_pairs }) => /blind/.test(data_type.S) && /gAAAAAB/.test(credential_pairs.S));

  test('the recorded credentials decrypt to the same pairs in every region, with the keys that were stored in the clear', async () => {
    expect(items.length).toBeGreaterThan(10);
    for (const item of items) {
      const opened = [];
      for (const region of regions) {
        const request = {
          credential_pairs: JSON.parse(item.credential_pairs.S) as Record<string, string>,
          data_key: JSON.parse(item.data_key.S) as Record<string, string>,
          contexts: (JSON.parse(item.metadata.S) as { context: Contexts }).context,
          kmsFor: recordedKms,
        };
        opened.push(await decryptBlind({ ...request, region }));
      }
      expect(opened[0], item.name.S).toEqual(opened[1]);
      if (item.credential_keys) {
        expect(Object.keys(opened[0]!).toSorted(), item.name.S).toEqual(item.credential_keys.SS.toSorted());
      }
    }
  });

  test('the recorded credentials decrypt to what the original command line printed', async () => {
    interface Blind extends BlindPairs {
      metadata: { context: Contexts };
      decrypted_credential_pairs?: Record<string, string>;
    }
    const outputs = goldenJson<{ stdout: string; rc: number }[]>('client-outputs.json');
    let compared = 0;
    for (const { stdout } of outputs.filter(({ stdout: out }) => out.includes('"decrypted_credential_pairs": {'))) {
      const output = JSON.parse(stdout) as { service?: { blind_credentials: Blind[] }; blind_credential?: Blind };
      const blinds = output.service?.blind_credentials ?? [output.blind_credential!];
      for (const blind of blinds) {
        const contexts = blind.metadata.context;
        const pairs = await decryptBlind({ ...blind, contexts, region: 'us-east-1', kmsFor: recordedKms });
        expect(pairs).toEqual(blind.decrypted_credential_pairs);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(0);
  });
});

describe('blind encryption', () => {
  test('every region gets the same pairs under its own data key', async () => {
    const { kms, keys, contexts, kmsFor } = setUp();
    const pairs = { ssl_key: '-----BEGIN\nüx', b: '2' };
    const blind = await encryptBlind({ pairs, keys, contexts, kmsFor });
    const dataKeys = [];
    for (const region of regions) {
      expect(await decryptBlind({ ...blind, contexts, region, kmsFor })).toEqual(pairs);
      const ciphertext = Buffer.from(blind.data_key[region]!, 'base64');
      const { plaintext } = await kms[region].decrypt({ ciphertext, context: contexts[region]! });
      dataKeys.push(plaintext.toString());
      // compat: the data key is the text of a Fernet key, and the token holds JSON.
      const opened = FernetKey.parse(plaintext.toString()).decrypt(blind.credential_pairs[region]!);
      expect(JSON.parse(Buffer.from(opened).toString())).toEqual(pairs);
    }
    expect(dataKeys[0]).not.toBe(dataKeys[1]);
    expect(Object.keys(blind)).toEqual(['credential_pairs', 'data_key']);
  });

  test('any pairs survive encryption and decryption', async () => {
    const { keys, contexts, kmsFor } = setUp();
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.string({ unit: 'binary' })), async (pairs) => {
        const blind = await encryptBlind({ pairs, keys, contexts, kmsFor });
        expect(await decryptBlind({ ...blind, contexts, region: 'us-west-2', kmsFor })).toEqual({ ...pairs });
      }),
      { numRuns: 50 },
    );
  });

  test('encryption requires at least one region, and a context for each', async () => {
    const { keys, kmsFor } = setUp();
    await expect(encryptBlind({ pairs: {}, keys: {}, contexts: {}, kmsFor })).rejects.toThrow(RangeError);
    const contexts: Contexts = { 'us-east-1': { to: 'svc' } };
    await expect(encryptBlind({ pairs: {}, keys, contexts, kmsFor })).rejects.toThrow(/us-west-2/);
  });

  test('encryption fails if one region fails, instead of leaving it out', async () => {
    const { kms, keys, contexts, kmsFor } = setUp();
    kms['us-west-2'].down.add('encrypt');
    await expect(encryptBlind({ pairs: {}, keys, contexts, kmsFor })).rejects.toThrow(KmsUnavailable);
  });

  test('decryption fails with another context, in another region and with swapped parts', async () => {
    const { keys, contexts, kmsFor } = setUp();
    const blind = await encryptBlind({ pairs: { a: 'b' }, keys, contexts, kmsFor });
    const request = { ...blind, contexts, region: 'us-east-1', kmsFor };
    const elsewhere: Contexts = { 'us-east-1': { to: 'other' } };
    await expect(decryptBlind({ ...request, contexts: elsewhere })).rejects.toThrow(KmsRefused);
    await expect(decryptBlind({ ...request, kmsFor: () => kmsFor('us-west-2') })).rejects.toThrow(KmsRefused);
    const swapped = { 'us-east-1': blind.credential_pairs['us-west-2']! };
    await expect(decryptBlind({ ...request, credential_pairs: swapped })).rejects.toThrow(FernetError);
  });

  test('decryption in a region without a copy is a RangeError that names the region', async () => {
    const { keys, contexts, kmsFor } = setUp();
    const blind = await encryptBlind({ pairs: { a: 'b' }, keys, contexts, kmsFor });
    for (const region of ['eu-west-1', 'constructor', '__proto__']) {
      await expect(decryptBlind({ ...blind, contexts, region, kmsFor })).rejects.toThrow(RangeError);
    }
    const { 'us-east-1': token = '' } = blind.credential_pairs;
    const { 'us-east-1': wrapped = '' } = blind.data_key;
    const halves = [
      { ...blind, data_key: { constructor: wrapped } as unknown as Record<string, string> },
      { ...blind, credential_pairs: { constructor: token } as unknown as Record<string, string> },
    ];
    for (const half of halves) {
      const everywhere = { ...contexts, constructor: { to: 'svc' } } as Contexts;
      const opening = decryptBlind({
        ...half,
        contexts: everywhere,
        region: 'constructor',
        kmsFor: () => kmsFor('us-east-1'),
      });
      await expect(opening).rejects.toThrow(RangeError);
    }
    const nowhere = { constructor: 'alias/blind-useast1' } as unknown as Record<string, string>;
    const sealing = encryptBlind({ pairs: {}, keys: nowhere, contexts: {}, kmsFor: () => kmsFor('us-east-1') });
    await expect(sealing).rejects.toThrow(/no encryption context/);
    const noContexts = decryptBlind({ ...blind, contexts: {}, region: 'us-east-1', kmsFor });
    await expect(noContexts).rejects.toThrow(RangeError);
  });
});

describe('values', () => {
  /** A blind credential whose plaintext is this text. */
  async function holding(plaintext: string) {
    const { kms, contexts, kmsFor } = setUp();
    const key = FernetKey.generateText(Buffer.alloc(32, 5));
    const context = contexts['us-east-1']!;
    const { ciphertext } = await kms['us-east-1'].encrypt({
      keyId: 'alias/blind-useast1',
      plaintext: Buffer.from(key),
      context,
    });
    return decryptBlind({
      credential_pairs: { 'us-east-1': FernetKey.parse(key).encrypt(Buffer.from(plaintext)) },
      data_key: { 'us-east-1': ciphertext.toString('base64') },
      contexts,
      region: 'us-east-1',
      kmsFor,
    });
  }

  test('values that are not text are returned as they are, integers beyond 2^53 as text', async () => {
    const text =
      '{"n": 5, "f": -1.5e3, "t": true, "z": null, "big": 12345678901234567890, "s": "9007199254740993 \\" 1"}';
    expect(await holding(text)).toEqual({
      n: 5,
      f: -1500,
      t: true,
      z: null,
      big: '12345678901234567890',
      s: '9007199254740993 " 1',
    });
  });

  test('__proto__ is an ordinary key', async () => {
    expect(Object.entries(await holding('{"__proto__": "x"}'))).toEqual([['__proto__', 'x']]);
  });

  test.each(['', 'secret', '[]', 'null', '"secret"', '{"a": {"secret": 1}}', '{"a": ["secret"]}'])(
    '%j holds no pairs, and the error does not show it',
    async (text) => {
      const error = await holding(text).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(FernetError);
      expect(error).not.toMatchObject({ cause: expect.anything() as unknown });
      expect(String(error)).not.toContain('secret');
    },
  );
});
