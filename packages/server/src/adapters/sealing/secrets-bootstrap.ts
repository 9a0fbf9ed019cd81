import { isPlainObject } from '@confidant/contract';
import { readFile, stat } from 'node:fs/promises';
import { DataKeys, FernetError, type KmsLike, KmsRefused, KmsUnavailable } from '@confidant/kmsauth';
import { ProxyError } from '@confidant/kmsauth/proxy';
import { isMap, isScalar, parseDocument } from 'yaml';
import { BadYaml, resolveYaml } from '../yaml-entries.js';

/** compat: the encryption context of the bootstrap's data key. */
const CONTEXT = { type: 'bootstrap' } as const;
const FILE_PREFIX = 'file://';
const MAX_BYTES = 4 * 1024 * 1024;

/** SECRETS_BOOTSTRAP cannot be used. The message says what to do and holds nothing of the content. */
export class BootstrapError extends Error {
  override readonly name = 'BootstrapError';
}

/**
 * The text of SECRETS_BOOTSTRAP: the blob itself, or what `file://path` names; undefined when that file does not exist
 * (compat: the caller warns and continues). Rejects with {@link BootstrapError}.
 */
export async function readBootstrap(setting: string): Promise<string | undefined> {
  if (!setting.startsWith(FILE_PREFIX)) return setting;
  const path = setting.slice(FILE_PREFIX.length);
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new BootstrapError(`the file has more than ${MAX_BYTES} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (error instanceof BootstrapError) throw error;
    throw new BootstrapError(`the file cannot be read (${code ?? 'unknown'})`, { cause: error });
  }
}

/** Encrypts YAML text: `{"data_key": …, "secrets": …}`. Rejects with {@link BootstrapError}. */
export async function sealBootstrap(yaml: string, kms: KmsLike, masterKey: string): Promise<string> {
  secretsIn(yaml);
  try {
    const { key, wrapped } = await dataKeys(kms, masterKey).create(CONTEXT);
    return JSON.stringify({ data_key: wrapped, secrets: key.encrypt(Buffer.from(yaml)) });
  } catch (error) {
    throw bootstrapErrorFor(error);
  }
}

/** The secrets in a blob, by name. Rejects with {@link BootstrapError}. */
export async function openBootstrap(blob: string, kms: KmsLike): Promise<Record<string, string>> {
  const { dataKey, secrets } = parts(blob);
  let yaml: string;
  try {
    const key = await dataKeys(kms, '').open(dataKey, CONTEXT);
    yaml = Buffer.from(key.decrypt(secrets)).toString('utf8');
  } catch (error) {
    throw bootstrapErrorFor(error);
  }
  return secretsIn(yaml);
}

function dataKeys(kms: KmsLike, masterKey: string): DataKeys {
  return new DataKeys({ kms, masterKey, cacheSize: 0, cacheTtlMs: 0 });
}

function parts(blob: string): { dataKey: string; secrets: string } {
  let value: unknown;
  try {
    value = JSON.parse(blob);
  } catch {
    throw new BootstrapError(
      'expected the JSON that confidant-admin generate_secrets_bootstrap writes, or file://path',
    );
  }
  const { data_key: dataKey, secrets } = isPlainObject(value) ? value : {};
  if (typeof dataKey !== 'string' || typeof secrets !== 'string') {
    throw new BootstrapError('expected JSON with data_key and secrets');
  }
  return { dataKey, secrets };
}

function bootstrapErrorFor(error: unknown): Error {
  if (error instanceof KmsUnavailable) {
    const reason = error.cause instanceof ProxyError ? error.cause.message : error.code;
    return new BootstrapError(`KMS does not answer (${reason})`, { cause: error });
  }
  if (error instanceof KmsRefused) {
    const advice = 'check KMS_MASTER_KEY, the region, and the permission to use the key';
    return new BootstrapError(`KMS refuses (${error.code}): ${advice}`, { cause: error });
  }
  if (error instanceof FernetError) return new BootstrapError('the blob is damaged', { cause: error });
  return error as Error;
}

/**
 * compat: YAML 1.1, with aliases and merge keys, whose words and numbers are kept as the text they were written as, since every setting is text.
 * Nulls and nested values are left out.
 */
function secretsIn(yaml: string): Record<string, string> {
  const document = parseDocument(yaml, {
    version: '1.1',
    schema: 'failsafe',
    merge: false,
    uniqueKeys: false,
    prettyErrors: true,
    logLevel: 'silent',
  });
  const [error] = document.errors;
  if (error !== undefined) {
    // The library's message quotes the line, which may hold a secret.
    throw new BootstrapError(`the content is not YAML (${error.code}, line ${error.linePos?.[0].line ?? '?'})`);
  }
  if (document.contents === null) return {};
  if (!isMap(document.contents)) throw new BootstrapError('the content must be YAML of the form NAME: value');
  try {
    const secrets: [string, string][] = [];
    for (const [name, node] of resolveYaml(document).entries(document.contents)) {
      if (!isScalar(node) || typeof node.value !== 'string') continue;
      const isNull = node.type === 'PLAIN' && /^(~|null|Null|NULL|)$/.test(node.value);
      if (!isNull) secrets.push([name, node.value]);
    }
    return Object.fromEntries(secrets);
  } catch (error) {
    throw error instanceof BadYaml ? new BootstrapError(`the content is not YAML (${error.message})`) : error;
  }
}
