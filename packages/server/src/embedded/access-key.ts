import { isPlainObject } from '@confidant/contract';
import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { ensurePrivateDirectory, PrivateFileError, publishPrivateFile, readPrivateFile } from './private-files.js';

/** The key that clients sign requests to the embedded KMS endpoint with, in AWS's form. */
export interface AccessKey {
  /** `AKIA` and 16 capitals and digits. */
  readonly accessKeyId: string;
  /** 40 characters, 240 random bits. */
  readonly secretAccessKey: string;
}

const FILE_NAME = 'access-key.json';
const ID = /^AKIA[A-Z2-7]{16}$/;
const SECRET = /^[A-Za-z0-9+/]{40}$/;
const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * Opens the access key of the data directory, `<dataDir>/access-key.json` (0600), which the first start makes.
 * Processes that start at once agree on one key. To replace it, stop the server and delete the file.
 *
 * @throws PrivateFileError when others can read the file or it does not contain an access key
 */
export function openAccessKey(dataDir: string): AccessKey {
  ensurePrivateDirectory(dataDir);
  const path = join(dataDir, FILE_NAME);
  let text = readPrivateFile(path);
  if (text === undefined) {
    // A process that loses the race reads the winner's key.
    publishPrivateFile(path, `${JSON.stringify(generateAccessKey(), undefined, 2)}\n`);
    text = readPrivateFile(path);
  }
  const accessKey = text === undefined ? undefined : parseAccessKey(text);
  if (accessKey === undefined) {
    throw new PrivateFileError(`${path} does not contain an access key: delete it, and the next start makes a new one`);
  }
  return accessKey;
}

function generateAccessKey(): AccessKey {
  const id = Array.from({ length: 16 }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]).join('');
  return { accessKeyId: `AKIA${id}`, secretAccessKey: randomBytes(30).toString('base64') };
}

function parseAccessKey(text: string): AccessKey | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's error is dropped, because it quotes the file.
    return undefined;
  }
  if (!isPlainObject(value)) return undefined;
  const { accessKeyId, secretAccessKey } = value;
  if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string') return undefined;
  return ID.test(accessKeyId) && SECRET.test(secretAccessKey) ? { accessKeyId, secretAccessKey } : undefined;
}
