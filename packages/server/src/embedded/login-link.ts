import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateDirectory, publishPrivateFile, readPrivateFile, replacePrivateFile } from './private-files.js';

/** How long a link works after it was made. */
export const LOGIN_LINK_MINUTES = 10;

const FILE = 'login-link.json';
const SECRET_FILE = 'session-secret';

/**
 * Makes the secret of a one-time login link; an earlier link stops working. The data directory holds only its digest,
 * and any worker of the machine can redeem it.
 */
export function issueLoginLink(dataDir: string, nowMs: number = Date.now()): string {
  ensurePrivateDirectory(dataDir);
  const secret = randomBytes(32).toString('base64url');
  const expiresAtMs = nowMs + LOGIN_LINK_MINUTES * 60_000;
  replacePrivateFile(join(dataDir, FILE), JSON.stringify({ sha256: digest(secret).toString('hex'), expiresAtMs }));
  return secret;
}

/** The link. Its secret is in the fragment, which browsers never send, so no log or referrer holds it. */
export function loginLink(serverUrl: string, secret: string): string {
  return `${serverUrl}/login#${secret}`;
}

/**
 * Redeems the login link. Returns true once, for the link's secret; when several processes race, exactly one gets true.
 */
export function redeemLoginLink(dataDir: string, secret: string, nowMs: number = Date.now()): boolean {
  const path = join(dataDir, FILE);
  const text = readPrivateFile(path);
  if (text === undefined) return false;
  const { sha256, expiresAtMs } = JSON.parse(text) as { sha256: string; expiresAtMs: number };
  const expected = Buffer.from(sha256, 'hex');
  const actual = digest(secret);
  if (expected.length !== actual.length || !timingSafeEqual(actual, expected) || nowMs >= expiresAtMs) return false;
  try {
    // The process that deletes the file has redeemed the link.
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The secret of session cookies in the embedded server, which the first start makes in the data directory. */
export function openSessionSecret(dataDir: string): string {
  ensurePrivateDirectory(dataDir);
  const path = join(dataDir, SECRET_FILE);
  publishPrivateFile(path, `${randomBytes(32).toString('base64url')}\n`);
  return readPrivateFile(path)!.trim();
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
