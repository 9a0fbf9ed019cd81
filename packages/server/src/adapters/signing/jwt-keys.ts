import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ExpiringStore } from '../../ports/expiring.js';
import type { PublicKey, SigningKeys } from '../../ports/jwt-keys.js';
import { type KeyEntry, readKeyEntries } from './key-entries.js';

const MIN_RSA_BITS = 2048;

interface JwtKey {
  published: PublicKey;
  privateKey: KeyObject;
}

/**
 * The keys of JWT_CERTIFICATE_AUTHORITIES. Keys that are damaged, are not RSA keys or do not belong to their
 * certificate are left out and reported to `warn`.
 */
export function jwtKeys(
  encoded: string,
  activeKids: Readonly<Record<string, string>>,
  warn: (message: string, details: Record<string, unknown>) => void,
): SigningKeys {
  const environments = new Map<string, JwtKey[]>();
  for (const [environment, entries] of readKeyEntries(encoded, 'JWT_CERTIFICATE_AUTHORITIES', warn)) {
    const keys = entries.flatMap((entry) => {
      try {
        return [openKey(entry)];
      } catch (error) {
        warn('a JWT key cannot be used and is left out', { environment, kid: entry.kid, error });
        return [];
      }
    });
    if (keys.length > 0) environments.set(environment, keys);
  }
  const activeKey = (environment: string): JwtKey | undefined => {
    const kid = Object.hasOwn(activeKids, environment) ? activeKids[environment] : undefined;
    return environments.get(environment)?.find(({ published }) => published.kid === kid);
  };
  for (const environment of Object.keys(activeKids)) {
    if (activeKey(environment) === undefined) {
      warn('JWT_ACTIVE_SIGNING_KEYS names a key that does not exist: this environment has no JWTs', { environment });
    }
  }
  return {
    active: (environment) => {
      const key = activeKey(environment);
      return key && { kid: key.published.kid, sign: (claims) => encode(key, claims) };
    },
    published: (environment) => environments.get(environment)?.map(({ published }) => published),
  };
}

function openKey({ kid, key, crt, passphrase }: KeyEntry): JwtKey {
  const privateKey = createPrivateKey({ key, ...(passphrase !== null && { passphrase }) });
  const certificate = new X509Certificate(crt);
  if (!certificate.checkPrivateKey(privateKey)) throw new Error('the certificate belongs to another key');
  const { publicKey } = certificate;
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (publicKey.asymmetricKeyType !== 'rsa' || bits < MIN_RSA_BITS) {
    throw new Error(`expected an RSA key of at least ${MIN_RSA_BITS} bits`);
  }
  const { e = '', n = '' } = publicKey.export({ format: 'jwk' });
  return { published: { e, alg: 'RS256', kty: 'RSA', kid, n }, privateKey };
}

/** A JWT in the compact form of RFC 7515. Signing happens on another thread. */
async function encode({ published, privateKey }: JwtKey, claims: Readonly<Record<string, unknown>>): Promise<string> {
  const header = { alg: published.alg, kid: published.kid, typ: 'JWT' };
  const unsigned = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = await new Promise<Buffer>((resolve, reject) => {
    sign('sha256', Buffer.from(unsigned), privateKey, (error, bytes) => (error ? reject(error) : resolve(bytes)));
  });
  return `${unsigned}.${signature.toString('base64url')}`;
}

/** A cache of JWTs in this process. Beyond `maxEntries`, the least recently used are dropped. */
export function jwtMemory(maxEntries: number): Pick<ExpiringStore, 'get' | 'set'> {
  const tokens = new LRUCache<string, string>({ max: maxEntries });
  return {
    get: (key) => Promise.resolve(tokens.get(key)),
    set: (key, token, ttlSeconds) => {
      tokens.set(key, token, { ttl: ttlSeconds * 1000 });
      return Promise.resolve();
    },
  };
}
