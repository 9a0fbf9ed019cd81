import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateDirectory, publishPrivateFile, readPrivateFile, replacePrivateFile } from './private-files.js';

/** A link works for this long after it was printed. */
export const LOGIN_LINK_MINUTES = 10;

const FILE = 'login-link.json';
const SECRET_FILE = 'session-secret';

/**
 * Makes the one-time login link's secret; an earlier link stops working. The data directory holds its digest only, and
 * any worker of the machine can redeem it.
 */
export function issueLoginLink(dataDir: string, nowMs: number = Date.now()): string {
  ensurePrivateDirectory(dataDir);
  const secret = randomBytes(32).toString('base64url');
  const expiresAtMs = nowMs + LOGIN_LINK_MINUTES * 60_000;
  replacePrivateFile(join(dataDir, FILE), JSON.stringify({ sha256: digest(secret).toString('hex'), expiresAtMs }));
  return secret;
}

/** The link. The secret is in the fragment, which browsers send to nobody: no log and no referrer holds it. */
export function loginLink(serverUrl: string, secret: string): string {
  return `${serverUrl}/login#${secret}`;
}

/** Whether the secret is the link's. It is so once: of several racers exactly one gets true. */
export function redeemLoginLink(dataDir: string, secret: string, nowMs: number = Date.now()): boolean {
  const path = join(dataDir, FILE);
  const text = readPrivateFile(path);
  if (text === undefined) return false;
  const { sha256, expiresAtMs } = JSON.parse(text) as { sha256: string; expiresAtMs: number };
  const expected = Buffer.from(sha256, 'hex');
  const given = digest(secret);
  if (expected.length !== given.length || !timingSafeEqual(given, expected) || nowMs >= expiresAtMs) return false;
  try {
    // Who takes the file away has redeemed it.
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The secret of session cookies in the embedded default: made at first start, kept in the data directory. */
export function openSessionSecret(dataDir: string): string {
  ensurePrivateDirectory(dataDir);
  const path = join(dataDir, SECRET_FILE);
  publishPrivateFile(path, `${randomBytes(32).toString('base64url')}\n`);
  return readPrivateFile(path)!.trim();
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
