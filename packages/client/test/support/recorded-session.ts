import { createPrivateKey, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

export type Body = Record<string, unknown>;

/** The time at which the recorded session began. Both sessions found the older rows in their table. */
export const SESSION_BEGAN = '2026-11-21T22:40:30';

/** The parts of our session that a translation needs. */
export interface Session {
  /** When our session began, in milliseconds. */
  began: number;
  /** Ids that both sessions found in their table. */
  found: ReadonlySet<string>;
  /** The certificate of the CA that `get_ca` asks for, PEM. */
  caCertificate: string;
  /** The recorded keys of `get_jwks`, which the server here uses too. */
  jwks: readonly Body[];
  /** Decrypts the pairs of a blind credential in one of its regions. */
  open(credential: Body, region: string): Promise<unknown>;
}

const DAY_MS = 86_400_000;
const ID = /^[0-9a-f]{32}$/;
const DATES = [/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/];

/**
 * Translates the values that differ between two sessions: ids, dates, tokens and ciphertexts. Each has a rule that says
 * which value of ours may replace a recorded one. From then on it must replace it everywhere. All other values must be
 * equal.
 */
export class Translation {
  readonly #ours = new Map<string, string>();

  constructor(readonly session: Session) {}

  /** Returns the recorded text, or the one of ours that replaces it. */
  text(theirs: string): string {
    return this.#ours.get(theirs) ?? theirs;
  }

  /** Returns the recorded value with every known text replaced by ours. */
  value(theirs: unknown): unknown {
    if (typeof theirs === 'string') return this.text(theirs);
    if (Array.isArray(theirs)) return theirs.map((item) => this.value(item));
    if (!isBody(theirs)) return theirs;
    return Object.fromEntries(Object.entries(theirs).map(([key, child]) => [key, this.value(child)]));
  }

  /** Learns from our response which texts of ours replace recorded ones; returns the expected response. */
  async expected(recorded: Body, ours: unknown): Promise<unknown> {
    const theirs = ordered(recorded) as Body;
    await this.#learn(theirs, ours);
    return this.value(theirs);
  }

  async #learn(theirs: unknown, ours: unknown): Promise<void> {
    if (Array.isArray(theirs) && Array.isArray(ours)) {
      for (const [at, item] of theirs.entries()) await this.#learn(item, ours[at]);
    }
    if (!isBody(theirs) || !isBody(ours)) return;
    this.#learnText(theirs['id'], ours['id'], (id) => this.#isNewId(id));
    this.#learnText(theirs['modified_date'], ours['modified_date'], (date) => this.#isOfSession(date));
    this.#learnText(theirs['token'], ours['token'], (token) => this.#isToken(theirs['token'] as string, token));
    if (typeof theirs['certificate'] === 'string') this.#learnCertificate(theirs, ours);
    if (typeof theirs['cipher_type'] === 'string') await this.#learnCiphertexts(theirs, ours);
    for (const [key, child] of Object.entries(theirs)) await this.#learn(child, ours[key]);
  }

  #learnText(theirs: unknown, ours: unknown, mayStand: (ours: string, theirs: string) => boolean): void {
    if (typeof theirs !== 'string' || typeof ours !== 'string' || this.#ours.has(theirs)) return;
    if (!this.#isShared(theirs) && mayStand(ours, theirs)) this.#ours.set(theirs, ours);
  }

  /** Both sessions found every value that is older than the recorded session. */
  #isShared(theirs: string): boolean {
    if (this.session.found.has(theirs)) return true;
    return DATES.some((form) => form.test(theirs)) && Date.parse(theirs) < Date.parse(`${SESSION_BEGAN}Z`);
  }

  /** A new row has a random id. */
  #isNewId(ours: string): boolean {
    return ID.test(ours) && !this.session.found.has(ours);
  }

  /** A new date lies within our session, to the second if it is written without fractions. */
  #isOfSession(ours: string): boolean {
    return DATES.some((form) => form.test(ours)) && this.#isWithin(Date.parse(ours));
  }

  /** @param at in milliseconds, possibly cut to the second */
  #isWithin(at: number): boolean {
    return at > this.session.began - 1000 && at <= Date.now();
  }

  /**
   * A JWT has a new signature and begins now. Its header and claims equal the recorded ones, in the same order, except for
   * `is_service`, which was always true (bug 5).
   */
  #isToken(theirs: string, ours: string): boolean {
    const [[header, claims], [ourHeader, ourClaims]] = [partsOf(theirs), partsOf(ours)];
    const later = Number(ourClaims['iat']) - Number(claims['iat']);
    const shifted = Object.entries(claims).map(([name, value]) => [
      name,
      typeof value === 'number' ? value + later : name === 'is_service' ? false : value,
    ]);
    const isNow = this.#isWithin(Number(ourClaims['iat']) * 1000);
    const same = isDeepStrictEqual([ourHeader, Object.entries(ourClaims)], [header, shifted]);
    return isNow && same && [theirs, ours].every((token) => this.#isSigned(token, String(header['kid'])));
  }

  #isSigned(token: string, kid: string): boolean {
    const jwk = this.session.jwks.find((key) => key['kid'] === kid)!;
    const [header, claims, signature] = token.split('.');
    const key = createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' });
    return verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature!, 'base64url'));
  }

  /**
   * The certificate of a CA is the one that ACM PCA has here. Other certificates are newly issued for another key: their
   * content must be equal, and the key must be that of the certificate (the recordings hide it).
   */
  #learnCertificate(theirs: Body, ours: Body): void {
    const certificate = String(theirs['certificate']);
    if ('ca' in theirs) {
      this.#learnText(certificate, ours['certificate'], (pem) => pem === this.session.caCertificate);
      return;
    }
    this.#learnText(certificate, ours['certificate'], (pem) => isDeepStrictEqual(saysOf(pem), saysOf(certificate)));
    this.#learnText(theirs['key'], ours['key'], (pem) => {
      const key = createPrivateKey(pem);
      return pem.endsWith('-----\n') && new X509Certificate(String(ours['certificate'])).checkPrivateKey(key);
    });
  }

  /** Blind pairs are encrypted with a new data key, so the plaintext is compared in every region. */
  async #learnCiphertexts(theirs: Body, ours: Body): Promise<void> {
    for (const [region, token] of Object.entries(theirs['credential_pairs'] as Record<string, string>)) {
      const of = (body: Body, field: string): unknown => (body[field] as Body | undefined)?.[region];
      if (this.#ours.has(token) || of(ours, 'credential_pairs') === token) continue;
      const held = [await this.session.open(theirs, region), await this.session.open(ours, region)];
      for (const field of ['credential_pairs', 'data_key']) {
        this.#learnText(of(theirs, field), of(ours, field), () => isDeepStrictEqual(held[1], held[0]));
      }
    }
  }
}

/**
 * Sorts what the original left in random order (bug 23): a service's credentials by name, and a blind credential's keys,
 * which DynamoDB keeps as a set.
 */
function ordered(theirs: unknown): unknown {
  if (Array.isArray(theirs)) return theirs.map(ordered);
  if (!isBody(theirs)) return theirs;
  const sorted = Object.entries(theirs).map(([key, child]) => {
    if (key === 'credential_keys' && 'cipher_type' in theirs) return [key, (child as string[]).toSorted()];
    if (key !== 'credentials') return [key, ordered(child)];
    return [key, (child as Body[]).toSorted((a, b) => (String(a['name']) < String(b['name']) ? -1 : 1)).map(ordered)];
  });
  return Object.fromEntries(sorted) as unknown;
}

function partsOf(token: string): [Body, Body] {
  const [header, claims] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  return [JSON.parse(header!) as Body, JSON.parse(claims!) as Body];
}

/** The content that two certificates for one request have in common. */
function saysOf(pem: string): Body {
  const certificate = new X509Certificate(pem);
  const { subject, issuer, subjectAltName, ca, keyUsage, publicKey, validFrom, validTo } = certificate;
  return {
    subject,
    issuer,
    subjectAltName,
    ca,
    keyUsage,
    isSelfSigned: certificate.verify(publicKey),
    key: [publicKey.asymmetricKeyType, publicKey.asymmetricKeyDetails],
    // Our certificates begin a minute early, for clocks that are late.
    days: Math.floor((Date.parse(validTo) - Date.parse(validFrom)) / DAY_MS),
    endsLine: pem.endsWith('-----\n'),
  };
}

/** compat: prints a JSON object as the original does: sorted, indented by four, in ASCII. */
export function printed(body: unknown): string {
  const text = JSON.stringify(sortedKeys(body), null, 4);
  return `${text.replace(/[^ -~\n]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (!isBody(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sortedKeys(value[key])]),
  );
}

export function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
