import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BadValue } from './setting-types.js';
import type { SettingName, Settings } from './settings.js';

type Report = (setting: SettingName, problem: string) => void;

const EMAIL_FORMAT = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
const PASSWORD_CONTEXT = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';
const POST = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';
const ALGORITHMS: Readonly<Record<string, 'sha1' | 'sha256' | 'sha512'>> = {
  'http://www.w3.org/2000/09/xmldsig#rsa-sha1': 'sha1',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256': 'sha256',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512': 'sha512',
};
const COMPARISONS = ['exact', 'minimum', 'maximum', 'better'] as const;

/**
 * The SAML settings as one picture: files read, the key opened, SAML_RAW_JSON_SETTINGS merged last (compat). Every fault
 * is reported; the result is then not to be used.
 */
export function samlSettings(settings: Settings, report: Report) {
  const root = settings.SAML_CONFIDANT_URL_ROOT.replace(/\/+$/, '');
  const raw = readRaw(settings.SAML_RAW_JSON_SETTINGS ?? {}, (problem) => report('SAML_RAW_JSON_SETTINGS', problem));
  const guarded = <Value>(setting: SettingName, fallback: Value, read: () => Value): Value => {
    try {
      return read();
    } catch (error) {
      report(setting, error instanceof BadValue ? error.message : 'cannot be read');
      return fallback;
    }
  };
  const spCertificates = guarded('SAML_SP_CERT', [], () =>
    certificates(raw.sp.x509cert ?? textOrFile(settings, 'SAML_SP_CERT', 'SAML_SP_CERT_FILE')),
  );
  const key = guarded('SAML_SP_KEY', undefined, () =>
    privateKey(
      raw.sp.privateKey ?? textOrFile(settings, 'SAML_SP_KEY', 'SAML_SP_KEY_FILE'),
      settings.SAML_SP_KEY_FILE_PASSWORD,
    ),
  );
  const idpCertificates = guarded('SAML_IDP_CERT', [], () =>
    raw.idp.signingCertificates
      ? raw.idp.signingCertificates.flatMap(certificates)
      : certificates(raw.idp.x509cert ?? textOrFile(settings, 'SAML_IDP_CERT', 'SAML_IDP_CERT_FILE')),
  );
  const entityId = raw.sp.entityId ?? `${root}/v1/saml/metadata`;
  const algorithm = raw.security.signatureAlgorithm ?? settings.SAML_SECURITY_SIG_ALGO;
  const options = {
    entityId,
    consumeUrl: raw.sp.consumeUrl ?? `${root}/v1/saml/consume`,
    logoutUrl: raw.sp.logoutUrl ?? `${root}/v1/saml/logout`,
    // compat: the guide of the seeds registers the consume address as the entity id.
    audiences: [entityId, `${root}/v1/saml/consume`],
    key,
    certificates: [...spCertificates, ...guarded('SAML_RAW_JSON_SETTINGS', [], () => certificates(raw.sp.x509certNew))],
    signatureAlgorithm: ALGORITHMS[algorithm] ?? ('sha256' as const),
    sign: {
      requests: raw.security.authnRequestsSigned ?? true,
      logoutRequests: raw.security.logoutRequestSigned ?? true,
      logoutResponses: raw.security.logoutResponseSigned ?? true,
      metadata: raw.security.signMetadata ?? true,
    },
    nameIdFormat: raw.sp.nameIdFormat ?? EMAIL_FORMAT,
    authnContexts: raw.security.authnContexts === undefined ? [PASSWORD_CONTEXT] : raw.security.authnContexts,
    authnContextComparison: raw.security.comparison ?? ('exact' as const),
    idp: {
      entityId: raw.idp.entityId ?? settings.SAML_IDP_ENTITY_ID,
      signOnUrl: raw.idp.signOnUrl ?? settings.SAML_IDP_SIGNON_URL,
      logoutUrl: raw.idp.logoutUrl ?? settings.SAML_IDP_LOGOUT_URL,
      certificates: idpCertificates,
    },
    want: {
      messagesSigned: raw.security.wantMessagesSigned ?? settings.SAML_SECURITY_MESSAGES_SIGNED,
      assertionsSigned: raw.security.wantAssertionsSigned ?? settings.SAML_SECURITY_ASSERTIONS_SIGNED,
      assertionsEncrypted: raw.security.wantAssertionsEncrypted ?? false,
      logoutSigned: settings.SAML_SECURITY_SLO_RESP_SIGNED,
      attributes: raw.security.wantAttributeStatement ?? settings.SAML_WANT_ATTRIBUTE_STATEMENT,
    },
    allowIdpInitiated: settings.SAML_ALLOW_IDP_INITIATED,
    groupsAttribute: settings.SAML_GROUPS_ATTRIBUTE,
  };

  if (root === '') report('SAML_CONFIDANT_URL_ROOT', 'required when USER_AUTH_MODULE is saml');
  if (options.idp.entityId === '') report('SAML_IDP_ENTITY_ID', 'required when USER_AUTH_MODULE is saml');
  if (options.idp.signOnUrl === '') report('SAML_IDP_SIGNON_URL', 'required when USER_AUTH_MODULE is saml');
  if (idpCertificates.length === 0) report('SAML_IDP_CERT', 'required (or SAML_IDP_CERT_FILE) with saml');
  if (key !== undefined && spCertificates.length === 0) {
    report('SAML_SP_CERT', 'required (or SAML_SP_CERT_FILE) when there is a key');
  }
  if (ALGORITHMS[algorithm] === undefined) {
    report('SAML_SECURITY_SIG_ALGO', `expected one of ${Object.keys(ALGORITHMS).join(', ')}`);
  }
  if (options.want.assertionsEncrypted && key === undefined) {
    report('SAML_SP_KEY', 'required to receive encrypted assertions');
  }
  if (!options.want.messagesSigned && !options.want.assertionsSigned && !settings.SAML_ALLOW_UNSIGNED) {
    report(
      'SAML_SECURITY_MESSAGES_SIGNED',
      'with SAML_SECURITY_ASSERTIONS_SIGNED off too no signature is demanded: set SAML_ALLOW_UNSIGNED=true if you mean it',
    );
  }
  if (settings.SAML_FAKE_HTTPS && !settings.DEBUG) report('SAML_FAKE_HTTPS', 'possible only with DEBUG=true');
  return options;
}

function textOrFile(settings: Settings, text: SettingName, file: SettingName): string | undefined {
  if (settings[text] !== '') return settings[text] as string;
  const path = settings[file] as string;
  return path === '' ? undefined : readFileSync(path, 'utf8');
}

/** One or several certificates, as PEM or as the bare base64 that providers show on their pages. */
function certificates(given: string | undefined): string[] {
  if (given === undefined || given.trim() === '') return [];
  const blocks = given.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  const pems = blocks ?? [`-----BEGIN CERTIFICATE-----\n${given.replace(/\s+/g, '')}\n-----END CERTIFICATE-----`];
  return pems.map((pem) => {
    try {
      return new X509Certificate(pem).toString();
    } catch {
      throw new BadValue('expected a certificate in PEM');
    }
  });
}

/** The key, opened with the password when it is encrypted, as PKCS #8 PEM. */
function privateKey(given: string | undefined, password: string): string | undefined {
  if (given === undefined || given.trim() === '') return undefined;
  const pem = given.includes('-----BEGIN')
    ? given
    : `-----BEGIN PRIVATE KEY-----\n${given.replace(/\s+/g, '')}\n-----END PRIVATE KEY-----`;
  try {
    const key = createPrivateKey({ key: pem, ...(password !== '' && { passphrase: password }) });
    return key.export({ type: 'pkcs8', format: 'pem' }) as string;
  } catch {
    throw new BadValue('expected a private key in PEM that SAML_SP_KEY_FILE_PASSWORD opens');
  }
}

/** Reads a known key away from an object; what is left afterwards has no meaning here. */
class Section {
  readonly #left: Map<string, unknown>;

  constructor(
    value: unknown,
    private readonly path: string,
    private readonly fault: (problem: string) => void,
  ) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (value !== undefined && !isObject) fault(`${path} must be an object`);
    this.#left = new Map(isObject ? Object.entries(value) : []);
  }

  take(name: string): unknown {
    const value = this.#left.get(name);
    this.#left.delete(name);
    return value;
  }

  section(name: string): Section {
    return new Section(this.take(name), this.path === '' ? name : `${this.path}.${name}`, this.fault);
  }

  text(name: string): string | undefined {
    const value = this.take(name);
    if (value === undefined || typeof value === 'string') return value;
    this.fault(`${this.#name(name)} must be text`);
    return undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.take(name);
    if (value === undefined || typeof value === 'boolean') return value;
    this.fault(`${this.#name(name)} must be true or false`);
    return undefined;
  }

  /** A key of which only one value has a meaning here. */
  only(name: string, value: unknown): void {
    const given = this.take(name);
    if (given !== undefined && given !== value) this.fault(`${this.#name(name)} can only be ${JSON.stringify(value)}`);
  }

  texts(name: string): string[] | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')) return value;
    this.fault(`${this.#name(name)} must be a list of text`);
    return undefined;
  }

  done(): void {
    for (const name of this.#left.keys()) this.fault(`${this.#name(name)} has no meaning here`);
  }

  #name(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

/** python3-saml's settings, as far as they mean something here. */
function readRaw(value: Record<string, unknown>, fault: (problem: string) => void) {
  const top = new Section(value, '', fault);
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
    fault('security.requestedAuthnContext must be true, false or a list of text');
  }
  const comparison = security.text('requestedAuthnContextComparison');
  if (comparison !== undefined && !COMPARISONS.some((known) => known === comparison)) {
    fault(`security.requestedAuthnContextComparison must be one of ${COMPARISONS.join(', ')}`);
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
