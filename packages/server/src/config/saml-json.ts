import { isPlainObject } from '@confidant/contract';

const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';
const POST = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';
const COMPARISONS = ['exact', 'minimum', 'maximum', 'better'] as const;

/** An object of the JSON text. Reading a key takes it out; `done` reports the keys that nothing has read. */
class Section {
  readonly #left: Map<string, unknown>;

  constructor(
    value: unknown,
    private readonly path: string,
    private readonly report: (problem: string) => void,
  ) {
    if (value !== undefined && !isPlainObject(value)) report(`${path} must be an object`);
    this.#left = new Map(isPlainObject(value) ? Object.entries(value) : []);
  }

  take(name: string): unknown {
    const value = this.#left.get(name);
    this.#left.delete(name);
    return value;
  }

  section(name: string): Section {
    return new Section(this.take(name), this.path === '' ? name : `${this.path}.${name}`, this.report);
  }

  text(name: string): string | undefined {
    const value = this.take(name);
    if (value === undefined || typeof value === 'string') return value;
    this.report(`${this.#name(name)} must be a string`);
    return undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.take(name);
    if (value === undefined || typeof value === 'boolean') return value;
    this.report(`${this.#name(name)} must be true or false`);
    return undefined;
  }

  /** Reads a key that may have only one value in this server. */
  only(name: string, value: unknown): void {
    const actual = this.take(name);
    if (actual !== undefined && actual !== value)
      this.report(`${this.#name(name)} can only be ${JSON.stringify(value)}`);
  }

  texts(name: string): string[] | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')) return value;
    this.report(`${this.#name(name)} must be a list of strings`);
    return undefined;
  }

  done(): void {
    for (const name of this.#left.keys()) this.report(`${this.#name(name)} is not supported`);
  }

  #name(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

/** Reads settings in the form of python3-saml, and reports every key or value that this server does not support. */
export function readSamlJson(value: Record<string, unknown>, report: (problem: string) => void) {
  const top = new Section(value, '', report);
  top.only('strict', true);
  top.flag('debug');
  const [sp, idp, security] = [top.section('sp'), top.section('idp'), top.section('security')];
  const endpoint = (of: Section, name: string, binding: string): string | undefined => {
    const section = of.section(name);
    const url = section.text('url');
    section.only('binding', binding);
    section.done();
    return url;
  };
  const multi = idp.section('x509certMulti');
  const contexts = security.take('requestedAuthnContext');
  const isList = Array.isArray(contexts) && contexts.every((item) => typeof item === 'string');
  if (contexts !== undefined && typeof contexts !== 'boolean' && !isList) {
    report('security.requestedAuthnContext must be true, false or a list of strings');
  }
  const comparison = security.text('requestedAuthnContextComparison');
  if (comparison !== undefined && !COMPARISONS.some((known) => known === comparison)) {
    report(`security.requestedAuthnContextComparison must be one of ${COMPARISONS.join(', ')}`);
  }
  const read = {
    sp: {
      entityId: sp.text('entityId'),
      consumeUrl: endpoint(sp, 'assertionConsumerService', POST),
      logoutUrl: endpoint(sp, 'singleLogoutService', REDIRECT),
      nameIdFormat: sp.text('NameIDFormat'),
      x509cert: sp.text('x509cert'),
      x509certNew: sp.text('x509certNew'),
      privateKey: sp.text('privateKey'),
    },
    idp: {
      entityId: idp.text('entityId'),
      signOnUrl: endpoint(idp, 'singleSignOnService', REDIRECT),
      logoutUrl: endpoint(idp, 'singleLogoutService', REDIRECT),
      x509cert: idp.text('x509cert'),
      signingCertificates: multi.texts('signing'),
    },
    security: {
      authnRequestsSigned: security.flag('authnRequestsSigned'),
      logoutRequestSigned: security.flag('logoutRequestSigned'),
      logoutResponseSigned: security.flag('logoutResponseSigned'),
      signMetadata: security.flag('signMetadata'),
      wantMessagesSigned: security.flag('wantMessagesSigned'),
      wantAssertionsSigned: security.flag('wantAssertionsSigned'),
      wantAssertionsEncrypted: security.flag('wantAssertionsEncrypted'),
      wantAttributeStatement: security.flag('wantAttributeStatement'),
      signatureAlgorithm: security.text('signatureAlgorithm'),
      authnContexts: contexts === false ? null : isList ? contexts : undefined,
      comparison: comparison as (typeof COMPARISONS)[number] | undefined,
    },
  };
  security.only('wantNameId', true);
  security.only('wantNameIdEncrypted', false);
  security.only('nameIdEncrypted', false);
  security.only('rejectUnsolicitedResponsesWithInResponseTo', true);
  security.only('rejectDeprecatedAlgorithm', true);
  for (const section of [sp, idp, multi, security, top]) section.done();
  return read;
}
