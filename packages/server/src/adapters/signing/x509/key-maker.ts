import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { Refusal } from '../../../domain/refusal.js';
import type { SigningRequest } from '../../../ports/certificates.js';
import * as asn from './der.js';
import { OID } from './identifiers.js';
import { pemOf, signed } from './sign.js';
import { extension } from './structures.js';

/** The attributes of a subject beside the CN; an empty text leaves one out. */
export interface Subject {
  countryName: string;
  stateOrProvinceName: string;
  localityName: string;
  organizationName: string;
}

export const NO_SUBJECT: Subject = {
  countryName: '',
  stateOrProvinceName: '',
  localityName: '',
  organizationName: '',
};

/** The attributes of a subject by their usual short names, empty ones left out. */
function attributesOf(subject: Subject): Record<string, string> {
  const { countryName: C, stateOrProvinceName: ST, localityName: L, organizationName: O } = subject;
  return Object.fromEntries(Object.entries({ C, ST, L, O }).filter(([, text]) => text !== ''));
}

/** A key that this server made, and a signing request for it. */
export interface MadeKey {
  privateKey: KeyObject;
  /** The key as PKCS #1 PEM, the form of the original's keys. */
  keyPem: string;
  request: SigningRequest;
}

/**
 * Maximum number of keys made at once. Each takes a core for about a second, in the thread pool that also resolves
 * names.
 */
const MAX_CONCURRENT = 2;
const MAX_WAITING = 100;

/** Makes RSA keys and requests for them, a few at a time. */
export class KeyMaker {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** The attributes that the subjects of its requests have beside the CN, by their usual short names. */
  readonly subject: Readonly<Record<string, string>>;

  constructor(private readonly options: { bits: number; publicExponent: number; subject: Subject }) {
    this.subject = attributesOf(options.subject);
  }

  /** Makes a key and a request for these names. Rejects with a {@link Refusal} 429 when too many wait already. */
  async make(names: { commonName: string; dnsNames: readonly string[] }): Promise<MadeKey> {
    if (this.#running < MAX_CONCURRENT) this.#running++;
    else if (this.#waiting.length < MAX_WAITING) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else throw new Refusal('too_many_requests');
    try {
      return await this.#make(names);
    } finally {
      // The next waiting call takes over the place.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async #make({ commonName, dnsNames }: { commonName: string; dnsNames: readonly string[] }): Promise<MadeKey> {
    const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', {
      modulusLength: this.options.bits,
      publicExponent: this.options.publicExponent,
    });
    const names = generalNames(dnsNames);
    const attributes =
      names === undefined
        ? []
        : [
            asn.sequence(
              asn.oid(OID.extensionRequest),
              asn.der(asn.TAG.set, asn.sequence(extension(OID.subjectAltName, false, names))),
            ),
          ];
    const info = asn.sequence(
      asn.der(asn.TAG.integer, Buffer.from([0])),
      subjectName(commonName, this.options.subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      asn.der(asn.contextTag(0, true), ...attributes),
    );
    return {
      privateKey,
      keyPem: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
      request: {
        pem: pemOf('CERTIFICATE REQUEST', await signed(info, privateKey)),
        commonName,
        alternativeNames: dnsNames,
        otherAttributes: Object.entries(this.subject).map(([name, text]) => ({ name, text })),
      },
    };
  }
}

/** The subject of a request, as DER; attributes stand in the original's order. */
function subjectName(commonName: string, subject: Subject): Buffer {
  const attribute = (id: string, value: Buffer): Buffer => asn.der(asn.TAG.set, asn.sequence(asn.oid(id), value));
  const optional = (['countryName', 'stateOrProvinceName', 'localityName', 'organizationName'] as const)
    .filter((name) => subject[name] !== '')
    .map((name) =>
      attribute(
        OID[name],
        name === 'countryName'
          ? asn.der(asn.TAG.printable, Buffer.from(subject[name], 'latin1'))
          : asn.utf8(subject[name]),
      ),
    );
  return asn.sequence(attribute(OID.commonName, asn.utf8(commonName)), ...optional);
}

function generalNames(dnsNames: readonly string[]): Buffer | undefined {
  if (dnsNames.length === 0) return undefined;
  return asn.sequence(...dnsNames.map((name) => asn.der(asn.contextTag(2, false), Buffer.from(name, 'latin1'))));
}
