import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readSamlJson } from './saml-json.js';
import { BadValue } from './setting-types.js';
import type { SettingName, SettingValues } from './settings.js';

/** The options of the SAML provider. */
export type SamlSettings = ReturnType<typeof samlSettings>;

type Report = (setting: SettingName, problem: string) => void;

const EMAIL_FORMAT = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
const PASSWORD_CONTEXT = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';
const ALGORITHMS: Readonly<Record<string, 'sha1' | 'sha256' | 'sha512'>> = {
  'http://www.w3.org/2000/09/xmldsig#rsa-sha1': 'sha1',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256': 'sha256',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512': 'sha512',
};

/**
 * Derives the options of the SAML provider from the settings: reads files, opens the key, and lets
 * SAML_RAW_JSON_SETTINGS override the rest (compat). Every fault is reported, and a result with a reported fault must
 * not be used. Never throws.
 */
export function samlSettings(settings: SettingValues, report: Report) {
  const root = settings.SAML_CONFIDANT_URL_ROOT.replace(/\/+$/, '');
  const raw = readSamlJson(settings.SAML_RAW_JSON_SETTINGS ?? {}, (problem) =>
    report('SAML_RAW_JSON_SETTINGS', problem),
  );
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
    // compat: the original's guide registers the consume URL as the entity id.
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
      'SAML_SECURITY_ASSERTIONS_SIGNED is false too, so neither signature is required: set SAML_ALLOW_UNSIGNED=true if you mean it',
    );
  }
  if (settings.SAML_FAKE_HTTPS && !settings.DEBUG) report('SAML_FAKE_HTTPS', 'possible only with DEBUG=true');
  return options;
}

function textOrFile(settings: SettingValues, text: SettingName, file: SettingName): string | undefined {
  if (settings[text] !== '') return settings[text] as string;
  const path = settings[file] as string;
  return path === '' ? undefined : readFileSync(path, 'utf8');
}

/** Reads certificates in PEM, or one in base64 alone, as pages of identity providers show it. */
function certificates(text: string | undefined): string[] {
  if (text === undefined || text.trim() === '') return [];
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  const pems = blocks ?? [`-----BEGIN CERTIFICATE-----\n${text.replace(/\s+/g, '')}\n-----END CERTIFICATE-----`];
  return pems.map((pem) => {
    try {
      return new X509Certificate(pem).toString();
    } catch {
      throw new BadValue('expected a certificate in PEM');
    }
  });
}

/** Opens a private key, with the password if it is encrypted. Returns it in PKCS #8 PEM. */
function privateKey(text: string | undefined, password: string): string | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const pem = text.includes('-----BEGIN')
    ? text
    : `-----BEGIN PRIVATE KEY-----\n${text.replace(/\s+/g, '')}\n-----END PRIVATE KEY-----`;
  try {
    const key = createPrivateKey({ key: pem, ...(password !== '' && { passphrase: password }) });
    return key.export({ type: 'pkcs8', format: 'pem' }) as string;
  } catch {
    throw new BadValue('expected a private key in PEM that SAML_SP_KEY_FILE_PASSWORD opens');
  }
}
