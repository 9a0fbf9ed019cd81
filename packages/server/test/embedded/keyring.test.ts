import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import fc from 'fast-check';
import { KmsRefused, KmsUnavailable, type EncryptionContext } from '@confidant/kmsauth';
import { describe, expect, onTestFinished, test } from 'vitest';
import { canonicalContext } from '../../src/embedded/ciphertext-blob.js';
import { Keyring, keyArnOf } from '../../src/embedded/keyring.js';
import { PrivateFileError } from '../../src/embedded/private-files.js';
import { temporaryDirectory } from './temporary-directory.js';

const MASTER = 'alias/confidant-master';
const SERVICE = 'alias/confidant-service';
const EAST = 'us-east-1';
const WEST = 'us-west-2';

function openKeyring(dataDir = join(temporaryDirectory(), 'data'), options = {}): Keyring {
  const keyring = Keyring.open(dataDir, options);
  onTestFinished(() => keyring.close());
  return keyring;
}

const refusal = (code: string) => expect.objectContaining({ name: 'KmsRefused', code });
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('files', () => {
  test('the first start creates a directory of mode 0700 and files of mode 0600, whatever the umask', () => {
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const dataDir = join(temporaryDirectory(), 'nested', 'data');
    const keyring = openKeyring(dataDir);
    expect(modeOf(dataDir)).toBe(0o700);
    expect(readdirSync(dataDir)).toEqual(['keyring.db']);
    expect(modeOf(join(dataDir, 'keyring.db'))).toBe(0o600);
    expect(keyring.aliases(EAST).map(({ alias }) => alias)).toEqual([
      'alias/confidant-master',
      'alias/confidant-service',
      'alias/confidant-user',
    ]);
    expect(new Set(keyring.aliases(EAST).map(({ keyId }) => keyId)).size).toBe(3);
    expect(keyring.keys(WEST)).toEqual([]);
  });

  test('a restart keeps keys, aliases and grants', async () => {
    const dataDir = temporaryDirectory();
    const before = Keyring.open(dataDir);
    before.createKey(WEST, 'alias/extra');
    const sealed = await before.kms(WEST).encrypt({ keyId: 'alias/extra', plaintext: Buffer.from('x'), context: {} });
    const grant = { keyId: SERVICE, granteePrincipal: 'arn:aws:iam::1:role/a', operations: ['Decrypt'] };
    const { grantId } = await before.kms(EAST).createGrant({ ...grant, contextSubset: { to: 'a' } });
    before.close();
    const after = openKeyring(dataDir, { mustExist: true });
    const opened = await after.kms(WEST).decrypt({ ciphertext: sealed.ciphertext, context: {} });
    expect(Buffer.from(opened.plaintext).toString()).toBe('x');
    expect(opened.keyArn).toBe(sealed.keyArn);
    expect(await after.kms(EAST).listGrants(SERVICE)).toEqual([
      { grantId, granteePrincipal: 'arn:aws:iam::1:role/a', operations: ['Decrypt'], contextSubset: { to: 'a' } },
    ]);
  });

  test.each([0o640, 0o604, 0o620, 0o666])('a key file of mode %o is refused, with advice', (mode) => {
    const dataDir = temporaryDirectory();
    Keyring.open(dataDir).close();
    chmodSync(join(dataDir, 'keyring.db'), mode);
    expect(() => Keyring.open(dataDir)).toThrow(PrivateFileError);
    expect(() => Keyring.open(dataDir)).toThrow(/other users can read or write it .*chmod 600/);
  });

  test('a data directory that others can write to is refused', () => {
    const dataDir = temporaryDirectory();
    chmodSync(dataDir, 0o770);
    expect(() => Keyring.open(dataDir)).toThrow(/written by other users .*chmod 700/);
  });

  test('a first start that was interrupted after the file was created is finished by the next one', () => {
    const dataDir = temporaryDirectory();
    writeFileSync(join(dataDir, 'keyring.db'), '', { mode: 0o600 });
    expect(openKeyring(dataDir).aliases(EAST)).toHaveLength(3);
  });

  test('no new keyring is created where one must exist', () => {
    const empty = temporaryDirectory();
    expect(() => Keyring.open(empty, { mustExist: true })).toThrow(/gone .*backup/);
    expect(readdirSync(empty)).toEqual([]);
    writeFileSync(join(empty, 'keyring.db'), '', { mode: 0o600 });
    expect(() => Keyring.open(empty, { mustExist: true })).toThrow(/gone .*backup/);
  });

  test('a file that is not a keyring is refused and left as it is', () => {
    const dataDir = temporaryDirectory();
    const path = join(dataDir, 'keyring.db');
    writeFileSync(path, 'secret-looking text '.repeat(100), { mode: 0o600 });
    expect(() => Keyring.open(dataDir)).toThrow(PrivateFileError);
    expect(readFileSync(path, 'utf8')).toBe('secret-looking text '.repeat(100));
    const other = temporaryDirectory();
    mkdirSync(join(other, 'keyring.db'));
    expect(() => Keyring.open(other)).toThrow(/not a regular file/);
  });

  test('a keyring of a later version is refused', () => {
    const dataDir = temporaryDirectory();
    Keyring.open(dataDir).close();
    const db = new DatabaseSync(join(dataDir, 'keyring.db'));
    db.exec('PRAGMA user_version = 2');
    db.close();
    expect(() => Keyring.open(dataDir)).toThrow(/another version/);
  });

  test('a file that cannot be read is KmsUnavailable, not a refusal', async () => {
    const dataDir = temporaryDirectory();
    const kms = openKeyring(dataDir).kms(EAST);
    const db = new DatabaseSync(join(dataDir, 'keyring.db'));
    onTestFinished(() => db.close());
    db.exec('ALTER TABLE aliases RENAME TO gone');
    await expect(kms.describeKey(MASTER)).rejects.toThrow(KmsUnavailable);
  });
});

describe('encryption', () => {
  test('a ciphertext decrypts under its own context, in any order of the names', async () => {
    const kms = openKeyring().kms(EAST);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
        async (plaintext, context) => {
          const { ciphertext, keyArn } = await kms.encrypt({ keyId: MASTER, plaintext, context });
          const reversed = Object.fromEntries(Object.entries(context).reverse());
          const opened = await kms.decrypt({ ciphertext, context: reversed });
          expect(Buffer.from(opened.plaintext)).toEqual(Buffer.from(plaintext));
          expect(opened.keyArn).toBe(keyArn);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a ciphertext with any flipped bit is InvalidCiphertextException', async () => {
    const kms = openKeyring().kms(EAST);
    const context = { from: 'a', to: 'b' };
    const { ciphertext } = await kms.encrypt({ keyId: MASTER, plaintext: Buffer.from('secret'), context });
    for (let bit = 0; bit < ciphertext.length * 8; bit += 1) {
      const flipped = Uint8Array.from(ciphertext);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expect(kms.decrypt({ ciphertext: flipped, context })).rejects.toEqual(
        refusal('InvalidCiphertextException'),
      );
    }
  });

  test('a truncated, extended or empty ciphertext is InvalidCiphertextException', async () => {
    const kms = openKeyring().kms(EAST);
    const { ciphertext } = await kms.encrypt({ keyId: MASTER, plaintext: Buffer.from('secret'), context: {} });
    const wrong = [Buffer.concat([ciphertext, Buffer.of(0)]), Buffer.alloc(10_000, 1)];
    for (let length = 0; length < ciphertext.length; length += 1)
      wrong.push(Buffer.from(ciphertext.subarray(0, length)));
    for (const blob of wrong) {
      await expect(kms.decrypt({ ciphertext: blob, context: {} })).rejects.toEqual(
        refusal('InvalidCiphertextException'),
      );
    }
  });

  const confusions: Array<[EncryptionContext, EncryptionContext]> = [
    [{ a: 'b' }, { ab: '' }],
    [{ a: 'b' }, { '': 'ab' }],
    [{ a: 'b' }, { b: 'a' }],
    [{ a: 'b', c: 'd' }, { a: 'bcd' }],
    [
      { a: 'b', c: 'd' },
      { a: 'd', c: 'b' },
    ],
    [{ a: 'b' }, { a: 'b', c: '' }],
    [{ a: 'b' }, {}],
    [{}, { '': '' }],
    [{ a: 'é' }, { a: 'e\u0301' }],
    [{ a: 'b' }, JSON.parse('{"a":"b","__proto__":"c"}') as EncryptionContext],
  ];
  test.each(confusions)(
    'a ciphertext under the context %j does not decrypt under %j, nor the reverse',
    async (one, other) => {
      const kms = openKeyring().kms(EAST);
      for (const [sealedUnder, context] of [
        [one, other],
        [other, one],
      ] as const) {
        const { ciphertext } = await kms.encrypt({ keyId: MASTER, plaintext: Buffer.of(1), context: sealedUnder });
        await expect(kms.decrypt({ ciphertext, context })).rejects.toEqual(refusal('InvalidCiphertextException'));
      }
    },
  );

  test('two different contexts never have the same canonical form', () => {
    const contexts = fc.dictionary(fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }), { maxKeys: 3 });
    const sorted = (context: EncryptionContext): string =>
      JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1)));
    fc.assert(
      fc.property(contexts, contexts, (one, other) => {
        const sameForm = canonicalContext(one).equals(canonicalContext(other));
        expect(sameForm).toBe(sorted(one) === sorted(other));
      }),
    );
  });

  test('a context that is not Unicode is refused, not mapped to a replacement character', async () => {
    const kms = openKeyring().kms(EAST);
    for (const context of [{ a: '\ud800' }, { '\udfff': 'a' }]) {
      await expect(kms.encrypt({ keyId: MASTER, plaintext: Buffer.of(1), context })).rejects.toEqual(
        refusal('ValidationException'),
      );
    }
  });

  test('the limits of sizes are those of AWS', async () => {
    const kms = openKeyring().kms(EAST);
    const encrypt = (byteCount: number, context: EncryptionContext = {}) =>
      kms.encrypt({ keyId: MASTER, plaintext: Buffer.alloc(byteCount), context });
    const longest = await encrypt(4096, { a: 'x'.repeat(8191) });
    const opened = await kms.decrypt({ ciphertext: longest.ciphertext, context: { a: 'x'.repeat(8191) } });
    expect(opened.plaintext).toHaveLength(4096);
    await expect(encrypt(0)).rejects.toEqual(refusal('ValidationException'));
    await expect(encrypt(4097)).rejects.toEqual(refusal('ValidationException'));
    await expect(encrypt(1, { a: 'x'.repeat(8192) })).rejects.toEqual(refusal('ValidationException'));
    await expect(encrypt(1, { a: 'é'.repeat(4096) })).rejects.toEqual(refusal('ValidationException'));
    expect(await kms.generateRandom(1024)).toHaveLength(1024);
    for (const byteCount of [0, 1025, 1.5, Number.NaN]) {
      await expect(kms.generateRandom(byteCount)).rejects.toEqual(refusal('ValidationException'));
    }
  });
});

describe('keys and regions', () => {
  test('a ciphertext decrypts only in the region of its key', async () => {
    const keyring = openKeyring();
    keyring.createKey(WEST, MASTER);
    const { ciphertext, keyArn } = await keyring
      .kms(WEST)
      .encrypt({ keyId: MASTER, plaintext: Buffer.of(1), context: {} });
    expect(keyArn).toMatch(/^arn:aws:kms:us-west-2:000000000000:key\/[0-9a-f-]{36}$/);
    await expect(keyring.kms(EAST).decrypt({ ciphertext, context: {} })).rejects.toEqual(
      refusal('InvalidCiphertextException'),
    );
    expect((await keyring.kms(WEST).decrypt({ ciphertext, context: {} })).keyArn).toBe(keyArn);
  });

  test('a key is found by id, ARN, alias and alias ARN, and in its own region only', async () => {
    const keyring = openKeyring();
    const { keyArn } = await keyring.kms(EAST).describeKey(MASTER);
    const id = keyArn.split('/')[1] ?? '';
    const references = [id, keyArn, MASTER, `arn:aws:kms:us-east-1:000000000000:${MASTER}`];
    for (const reference of references) {
      expect(await keyring.kms(EAST).describeKey(reference)).toEqual({ keyArn });
      await expect(keyring.kms(WEST).describeKey(reference)).rejects.toEqual(refusal('NotFoundException'));
    }
    const unknown = [
      'alias/unknown',
      'confidant-master',
      '',
      keyArn.replace('000000000000', '111111111111'),
      `${keyArn}0`,
    ];
    for (const reference of [
      ...unknown,
      keyArn.replace('us-east-1', WEST),
      `arn:aws:kms:us-east-1:000000000000:${id}`,
    ]) {
      await expect(keyring.kms(EAST).describeKey(reference)).rejects.toEqual(refusal('NotFoundException'));
    }
  });

  test('an alias is unique in its region and may name one key in each region', () => {
    const keyring = openKeyring();
    const west = keyring.createKey(WEST, 'alias/blind');
    expect(keyring.createKey(EAST, 'alias/blind').id).not.toBe(west.id);
    expect(() => keyring.createKey(WEST, 'alias/blind')).toThrow(refusal('AlreadyExistsException'));
    expect(keyring.keys(WEST)).toEqual([west]);
    keyring.createAlias(WEST, 'alias/second', keyArnOf(west));
    expect(keyring.find(WEST, 'alias/second')).toEqual(west);
  });

  test.each(['blind', 'alias/', 'alias/aws/s3', 'alias/a b', `alias/${'x'.repeat(251)}`])(
    'alias %s is refused',
    (alias) => {
      expect(() => openKeyring().createKey(EAST, alias)).toThrow(refusal('ValidationException'));
    },
  );

  test.each(['', 'us', 'US-EAST-1', 'us-east-1/x', '../us-east-1'])('region %j is refused', (region) => {
    expect(() => openKeyring().createKey(region)).toThrow(KmsRefused);
    expect(() => openKeyring().kms(region)).toThrow(KmsRefused);
  });
});

describe('grants', () => {
  const terms = {
    keyId: SERVICE,
    granteePrincipal: 'arn:aws:iam::123456789012:role/svc',
    operations: ['Encrypt', 'Decrypt'],
    contextSubset: { from: 'svc', user_type: 'service' },
  };

  test('creating an equal grant returns the same grant, and a different one another', async () => {
    const kms = openKeyring().kms(EAST);
    const { grantId } = await kms.createGrant(terms);
    const reordered = {
      operations: ['Decrypt', 'Encrypt', 'Decrypt'],
      contextSubset: { user_type: 'service', from: 'svc' },
    };
    expect(await kms.createGrant({ ...terms, ...reordered })).toEqual({ grantId });
    const others = [{ operations: ['Decrypt'] }, { contextSubset: {} }, { granteePrincipal: 'arn:aws:iam::1:role/b' }];
    for (const change of others) expect((await kms.createGrant({ ...terms, ...change })).grantId).not.toBe(grantId);
    expect(await kms.listGrants(SERVICE)).toHaveLength(4);
    expect(await kms.listGrants(MASTER)).toEqual([]);
  });

  test('a revoked grant is gone, and revoking an unknown one or one of another key is NotFoundException', async () => {
    const kms = openKeyring().kms(EAST);
    const { grantId } = await kms.createGrant(terms);
    await expect(kms.revokeGrant({ keyId: MASTER, grantId })).rejects.toEqual(refusal('NotFoundException'));
    await kms.revokeGrant({ keyId: SERVICE, grantId });
    expect(await kms.listGrants(SERVICE)).toEqual([]);
    await expect(kms.revokeGrant({ keyId: SERVICE, grantId })).rejects.toEqual(refusal('NotFoundException'));
  });

  test.each([{ operations: [] }, { operations: ['Destroy'] }, { granteePrincipal: '' }, { granteePrincipal: 'a b' }])(
    'a grant of %j is refused',
    async (change) => {
      await expect(
        openKeyring()
          .kms(EAST)
          .createGrant({ ...terms, ...change }),
      ).rejects.toEqual(refusal('ValidationException'));
    },
  );
});
