import { createPrivateKey, X509Certificate } from 'node:crypto';
import type {
  CertificateAuthority,
  CertificateAuthorityDescription,
  IssuedCertificate,
  IssuedKeyPair,
  SigningRequest,
} from '../../ports/certificates.js';
import type { Clock } from '../../ports/clock.js';
import { BackendUnavailable } from '../../ports/unavailable.js';
import { type KeyEntry, readKeyEntries } from './key-entries.js';
import { readRequest } from './x509/signing-request.js';
import { certify, type Issuer, issuerOf, validityFrom } from './x509/certificate.js';
import type { KeyMaker } from './x509/key-maker.js';

export interface CustomCaOptions {
  /** Base64 of JSON: lists of `{kid, key, crt, rootcrt, passphrase}` by name. */
  encoded: string;
  /** The kid that signs, by name. */
  activeKeys: Readonly<Record<string, string>>;
  maxValidityDays: number;
  keys: KeyMaker;
  clock: Clock;
  /** Called for each entry that is left out, with its kid and never its content. */
  warn: (message: string, details: Record<string, unknown>) => void;
}

/** The CAs whose active key can be used; the others are reported and left out. */
export function customAuthorities(options: CustomCaOptions): CertificateAuthority[] {
  const { activeKeys, warn } = options;
  const entries = readKeyEntries(options.encoded, 'CUSTOM_CERTIFICATE_AUTHORITIES', warn);
  return [...entries].flatMap(([name, candidates]) => {
    const active = Object.hasOwn(activeKeys, name) ? activeKeys[name] : undefined;
    const entry = candidates.find(({ kid }) => kid === active);
    const authority = entry && openAuthority(name, entry, options);
    if (authority === undefined) warn('a custom CA has no usable active key and is not served', { ca: name });
    return authority === undefined ? [] : [authority];
  });
}

function openAuthority(name: string, entry: KeyEntry, options: CustomCaOptions): CertificateAuthority | undefined {
  try {
    return new CustomCa(name, entry, options);
  } catch (error) {
    options.warn('a key of a custom CA cannot be used', { ca: name, kid: entry.kid, error });
    return undefined;
  }
}

/** A CA that signs with a key from the settings. */
class CustomCa implements CertificateAuthority {
  readonly maxValidityDays: number;
  readonly subject = {};
  readonly #issuer: Issuer;
  readonly #kid: string;
  readonly #certificate: string;
  readonly #chain: string;
  readonly #validTo: Date;
  readonly #options: CustomCaOptions;

  /** Throws when key and certificate do not belong together or cannot be read. */
  constructor(
    readonly name: string,
    { kid, key, crt, rootcrt, passphrase }: KeyEntry,
    options: CustomCaOptions,
  ) {
    const privateKey = createPrivateKey({ key, ...(passphrase !== null && { passphrase }) });
    const certificate = new X509Certificate(crt);
    if (!certificate.checkPrivateKey(privateKey)) throw new Error('the certificate belongs to another key');
    const root = rootcrt === null ? '' : trimmedPem(rootcrt);
    if (root !== '') void new X509Certificate(root);
    this.maxValidityDays = options.maxValidityDays;
    this.#issuer = issuerOf(certificate, privateKey);
    this.#kid = kid;
    this.#certificate = trimmedPem(crt);
    // A root that is the CA itself stands in the chain only once.
    this.#chain = root === this.#certificate ? root : this.#certificate + root;
    this.#validTo = new Date(certificate.validTo);
    this.#options = options;
  }

  /** compat: `ca` is the kid. */
  describe(): Promise<CertificateAuthorityDescription> {
    return Promise.resolve({ ca: this.#kid, certificate: this.#certificate, chain: this.#chain, tags: null });
  }

  async issue({ pem }: SigningRequest, validityDays: number): Promise<IssuedCertificate> {
    const { notBefore, notAfter } = validityFrom(this.#options.clock, validityDays);
    if (notBefore >= this.#validTo) {
      throw new BackendUnavailable('custom-ca', { cause: new Error(`the certificate of ${this.#kid} has expired`) });
    }
    // A certificate that outlives its issuer would not verify on its last days.
    const validity = { notBefore, notAfter: notAfter < this.#validTo ? notAfter : this.#validTo };
    return { certificate: await certify(this.#issuer, readRequest(pem), validity), chain: this.#chain };
  }

  async issueWithKey(commonName: string, dnsNames: readonly string[], validityDays: number): Promise<IssuedKeyPair> {
    const { keyPem, request } = await this.#options.keys.make({ commonName, dnsNames });
    return { ...(await this.issue(request, validityDays)), key: keyPem };
  }
}

const trimmedPem = (pem: string): string => (pem.trim() === '' ? '' : `${pem.trim()}\n`);
