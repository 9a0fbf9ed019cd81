import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KmsLike, KmsRefused, KmsUnavailable } from '@confidant/kmsauth';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { BootstrapError, openBootstrap, sealBootstrap } from '../../../src/adapters/sealing/secrets-bootstrap.js';
import { openSettings } from '../../../src/compose/open-settings.js';
import { Keyring } from '../../../src/embedded/keyring.js';

const recorded = JSON.parse(
  readFileSync(new URL('../../../../../test/golden/secrets-bootstrap.json', import.meta.url), 'utf8'),
) as {
  blob: { data_key: string; secrets: string };
  encryption_context: Record<string, string>;
  data_key_plaintext: string;
  secrets_plaintext_yaml: string;
  kms_key_arn: string;
};

/** The KMS of the recording, which knows one ciphertext in one context. */
const recordedKms: KmsLike = {
  decrypt: ({ ciphertext, context }) => {
    const isIt = Buffer.from(ciphertext).toString('base64') === recorded.blob.data_key;
    if (!isIt || JSON.stringify(context) !== JSON.stringify(recorded.encryption_context)) {
      return Promise.reject(new KmsRefused('InvalidCiphertextException'));
    }
    return Promise.resolve({ plaintext: Buffer.from(recorded.data_key_plaintext), keyArn: recorded.kms_key_arn });
  },
  encrypt: () => Promise.reject(new KmsRefused('AccessDeniedException')),
  generateRandom: () => Promise.reject(new KmsRefused('AccessDeniedException')),
  describeKey: () => Promise.reject(new KmsRefused('AccessDeniedException')),
};

let directory: string;
let keyring: Keyring;
let kms: KmsLike;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'confidant-bootstrap-'));
  keyring = Keyring.open(directory);
  kms = keyring.kms('us-east-1');
});
afterEach(async () => {
  keyring.close();
  await rm(directory, { recursive: true });
});

const seal = (yaml: string): Promise<string> => sealBootstrap(yaml, kms, 'alias/confidant-master');

describe('a bootstrap blob', () => {
  test('a bootstrap blob is read as PyYAML does: the last of a key, anchors, aliases and merge keys', async () => {
    const open = async (yaml: string) => openBootstrap(await seal(yaml), kms);
    expect(await open('A: 1\nA: 2\n')).toEqual({ A: '2' });
    expect(await open('A: &a x\nB: *a\n')).toEqual({ A: 'x', B: 'x' });
    expect(await open('common: &c {A: 1, B: 2}\n<<: *c\nB: 3\n')).toEqual({ A: '1', B: '3' });
    await expect(open('A: *secret\n')).rejects.toThrow('the content is not YAML (an alias has no anchor before it)');
  });

  test('a bootstrap blob of the original opens, and holds what was put into it', async () => {
    const secrets = await openBootstrap(JSON.stringify(recorded.blob), recordedKms);
    expect(secrets).toEqual(parse(recorded.secrets_plaintext_yaml, { version: '1.1' }));
    expect(secrets['AUTHOMATIC_SALT']).toBe('ref-salt');
  });

  test('a bootstrap blob has the form of the original: base64 of the KMS ciphertext, and a Fernet token of the YAML text', async () => {
    const yaml = 'SESSION_SECRET: x\n';
    const blob = JSON.parse(await seal(yaml)) as Record<string, string>;
    expect(Object.keys(blob)).toEqual(['data_key', 'secrets']);
    const ciphertext = Buffer.from(blob['data_key']!, 'base64');
    const { plaintext } = await kms.decrypt({ ciphertext, context: { type: 'bootstrap' } });
    expect(Buffer.from(plaintext).toString()).toMatch(/^[\w-]{43}=$/);
    await expect(kms.decrypt({ ciphertext, context: {} })).rejects.toThrow(KmsRefused);
  });

  test('every value of a bootstrap blob is read as the text that was written', async () => {
    const yaml = [
      'QUOTED: "null"',
      'NUMBER: 0123',
      'WORD: yes',
      'DATE: 2026-11-21',
      'LINES: |',
      '  one',
      '  two',
      'NOTHING: ~',
      'EMPTY:',
      'NESTED: {a: b}',
    ].join('\n');
    expect(await openBootstrap(await seal(yaml), kms)).toEqual({
      QUOTED: 'null',
      NUMBER: '0123',
      WORD: 'yes',
      DATE: '2026-11-21',
      LINES: 'one\ntwo\n',
    });
  });

  test.each([
    ['not JSON', 'not json', /generate_secrets_bootstrap/],
    ['another JSON object', '{"a": 1}', /data_key and secrets/],
    ['null', 'null', /data_key and secrets/],
  ])('a bootstrap blob that is %s is refused with a helpful error', async (_what, blob, words) => {
    await expect(openBootstrap(blob, kms)).rejects.toThrow(words);
  });

  test('a bootstrap blob with a changed byte is refused', async () => {
    const blob = JSON.parse(await seal('A: b')) as { data_key: string; secrets: string };
    const flipped = `${blob.secrets.slice(0, 40)}${blob.secrets[40] === 'A' ? 'B' : 'A'}${blob.secrets.slice(41)}`;
    await expect(openBootstrap(JSON.stringify({ ...blob, secrets: flipped }), kms)).rejects.toThrow(/damaged/);
  });

  test('a bootstrap blob under another key is refused, with another error than when KMS does not answer', async () => {
    const silent = { ...recordedKms, decrypt: () => Promise.reject(new KmsUnavailable('TimeoutError')) };
    const blob = await seal('A: b');
    await expect(openBootstrap(blob, recordedKms)).rejects.toThrow(/KMS refuses \(InvalidCiphertextException\)/);
    await expect(openBootstrap(blob, silent)).rejects.toThrow(/KMS does not answer/);
  });

  test('a bootstrap blob is made only from a map of names, and the error does not quote the text', async () => {
    await expect(seal('- hunter2')).rejects.toThrow(BootstrapError);
    const error = await seal('A: "hunter2').catch((reason: unknown) => reason as Error);
    expect(error).toBeInstanceOf(BootstrapError);
    expect(String(error)).not.toContain('hunter2');
  });
});

describe('SECRETS_BOOTSTRAP at the start', () => {
  const environment = (SECRETS_BOOTSTRAP: string, more: Record<string, string> = {}) => ({
    CONFIDANT_DATA_DIR: directory,
    SECRETS_BOOTSTRAP,
    ...more,
  });

  test('a value of the bootstrap overrides the variable, for settings that may come from it', async () => {
    const blob = await seal('WEBHOOK_PASSWORD: from-blob\nHOST: 1.2.3.4\n');
    const { settings, faults, warnings } = await openSettings(
      environment(blob, { WEBHOOK_PASSWORD: 'from-environment', GRAPHITE_PASSWORD: 'stays' }),
    );
    expect(faults).toEqual([]);
    expect(settings).toMatchObject({
      WEBHOOK_PASSWORD: 'from-blob',
      GRAPHITE_PASSWORD: 'stays',
      HOST: '127.0.0.1',
    });
    expect(warnings).toEqual([expect.stringContaining('HOST')]);
  });

  test('the bootstrap can be read from a file', async () => {
    const file = join(directory, 'blob.json');
    await writeFile(file, await seal('WEBHOOK_PASSWORD: from-file'));
    const { settings } = await openSettings(environment(`file://${file}`));
    expect(settings.WEBHOOK_PASSWORD).toBe('from-file');
  });

  test('a missing file is reported, and the server starts (compat)', async () => {
    const { faults, warnings } = await openSettings(environment(`file://${directory}/none`));
    expect([faults, warnings]).toEqual([[], [expect.stringContaining('does not exist')]]);
  });

  test('a bootstrap that cannot be used is listed with the other faults, and no further faults are guessed', async () => {
    const { faults } = await openSettings(environment('{}', { PORT: 'x' }));
    expect(faults.map(({ setting }) => setting)).toEqual(['PORT', 'SECRETS_BOOTSTRAP']);
  });

  test('the embedded keyring never replaces KMS because the table was forgotten', async () => {
    const { faults } = await openSettings({ CONFIDANT_DATA_DIR: directory, KMS_MASTER_KEY: 'alias/production' });
    expect(faults).toContainEqual({ setting: 'DYNAMODB_TABLE', problem: 'required when KMS_MASTER_KEY is set' });
  });
});
