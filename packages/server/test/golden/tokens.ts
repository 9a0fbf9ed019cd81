import type { As, TestServer } from '../harness/server.js';
import type { Production } from './production.js';
import type { Recording } from './replay.js';

const MINUTE = 60_000;

interface Token {
  /** Encryption context; the username's own when left out. */
  context?: Record<string, string>;
  key?: string;
  notBefore?: number;
  notAfter?: number;
  payload?: string;
  text?: string;
}

/** The special tokens of some recordings, which contain only the user name. */
const SPECIAL: Record<string, (now: number) => Token> = {
  'basic auth user, empty password': () => ({ text: '' }),
  'v2 username with a v1 token': () => ({ context: { from: 'svc-01-production', to: 'confidant-production' } }),
  'from mismatch': () => ({ context: context('svc-01-production', 'service') }),
  'user_type mismatch': () => ({ context: context('svc-01-production', 'service') }),
  'token not base64': () => ({ text: '!!not base64!!' }),
  'token random bytes': () => ({ text: Buffer.alloc(96, 42).toString('base64') }),
  'service token encrypted with the user key': () => ({ key: 'alias/authnz-user' }),
  'token under an unrelated key': () => ({ key: 'alias/confidant-master' }),
  'to mismatch': () => ({ context: { from: 'alice', to: 'elsewhere', user_type: 'user' } }),
  expired: (now) => ({ notBefore: now - 120 * MINUTE, notAfter: now - 60 * MINUTE }),
  'lifetime exactly 60 min': (now) => ({ notBefore: now - MINUTE, notAfter: now + 59 * MINUTE }),
  'lifetime 24h+10min (timedelta.seconds wraps)': (now) => ({ notBefore: now - MINUTE, notAfter: now + 1449 * MINUTE }),
  'payload without not_after': () => ({ payload: '{"not_before": "20261121T223808Z"}' }),
  'scoped key: own service in account sandbox': () => ({ key: 'alias/authnz-sandbox' }),
  'user token under scoped key': () => ({ key: 'alias/authnz-sandbox' }),
};

/** Credentials for a recorded request, made as its name says. */
export async function tokenFor(recording: Recording, server: TestServer, production: Production): Promise<As> {
  const { headers } = recording.request;
  const username = headers['X-Auth-From'] ?? /^Basic <(.*):token>$/.exec(headers['Authorization'] ?? '')?.[1];
  if (username === undefined) return null;
  const special = SPECIAL[recording.name]?.(Date.now());
  const token = special ? await make(username, special, production) : await ordinary(username, server);
  if (headers['X-Auth-From'] !== undefined) return { 'x-auth-from': username, 'x-auth-token': token };
  return { authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}` };
}

async function ordinary(username: string, server: TestServer): Promise<string> {
  const [version, type, from] = username.split('/');
  if (from === undefined) return (await server.token(`v1:${username || 'nobody'}`)).token;
  return (await server.token(`${type === 'user' ? 'user' : 'service'}:${from || 'nobody'}${version === '2' ? '' : ''}`))
    .token;
}

async function make(username: string, special: Token, production: Production): Promise<string> {
  if (special.text !== undefined) return special.text;
  const [, type, from] = username.split('/') as [string, string, string];
  const now = Date.now();
  const { notBefore = now - 3 * MINUTE, notAfter = now + 7 * MINUTE } = special;
  const payload = special.payload ?? `{"not_before": "${time(notBefore)}", "not_after": "${time(notAfter)}"}`;
  const { ciphertext } = await production.kms.kms.encrypt({
    keyId: special.key ?? (type === 'user' ? 'alias/authnz-user' : 'alias/authnz-service'),
    plaintext: Buffer.from(payload),
    context: special.context ?? context(from, type),
  });
  return Buffer.from(ciphertext).toString('base64');
}

function context(from: string, userType: string): Record<string, string> {
  return { from, to: 'confidant-production', user_type: userType };
}

function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}
