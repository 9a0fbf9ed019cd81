import { readFileSync, statSync } from 'node:fs';
import { readCertificates, readPrivateKey } from './pem.js';
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
  /** Reads what a setting, or the file that another one names, holds; undefined if neither is set. */
  const read = <Value>(source: Source | undefined, parse: (content: string | Buffer) => Value): Value | undefined => {
    if (source === undefined) return undefined;
    try {
      return parse(source.content());
    } catch (error) {
      report(source.setting, error instanceof BadValue ? error.message : describeFileError(error));
      return undefined;
    }
  };
  const json = (text: string | undefined): Source | undefined =>
    text === undefined || text === '' ? undefined : { setting: 'SAML_RAW_JSON_SETTINGS', content: () => text };
  const own = (text: SettingName, file: SettingName): Source | undefined => {
    const path = settings[file] as string;
    if (settings[text] !== '') return { setting: text, content: () => settings[text] as string };
    return path === '' ? undefined : { setting: file, content: () => readBounded(path) };
  };
  const spSource = json(raw.sp.x509cert) ?? own('SAML_SP_CERT', 'SAML_SP_CERT_FILE');
  const spCertificates = read(spSource, readCertificates) ?? [];
  const keySource = json(raw.sp.privateKey) ?? own('SAML_SP_KEY', 'SAML_SP_KEY_FILE');
  const key = read(keySource, (content) => readPrivateKey(content, settings.SAML_SP_KEY_FILE_PASSWORD));
  const idpSources = raw.idp.signingCertificates?.map(json) ?? [
    json(raw.idp.x509cert) ?? own('SAML_IDP_CERT', 'SAML_IDP_CERT_FILE'),
  ];
  const idpCertificates = idpSources.flatMap((source) => read(source, readCertificates) ?? []);
  const entityId = raw.sp.entityId ?? (settings.SAML_SP_ENTITY_ID || `${root}/v1/saml/metadata`);
  const algorithm = raw.security.signatureAlgorithm ?? settings.SAML_SECURITY_SIG_ALGO;
  const options = {
    entityId,
    consumeUrl: raw.sp.consumeUrl ?? `${root}/v1/saml/consume`,
    logoutUrl: raw.sp.logoutUrl ?? `${root}/v1/saml/logout`,
    // compat: the original's guide registers the consume URL as the entity id.
    audiences: [entityId, `${root}/v1/saml/consume`],
    key,
    certificates: [...spCertificates, ...(read(json(raw.sp.x509certNew), readCertificates) ?? [])],
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
  if (idpSources.every((source) => source === undefined)) {
    report('SAML_IDP_CERT', 'required (or SAML_IDP_CERT_FILE) with saml');
  }
  if (key !== undefined && spSource === undefined) {
    report('SAML_SP_CERT', 'required (or SAML_SP_CERT_FILE) when there is a key');
  }
  if (ALGORITHMS[algorithm] === undefined) {
    report('SAML_SECURITY_SIG_ALGO', `expected one of ${Object.keys(ALGORITHMS).join(', ')}`);
  }
  if (options.want.assertionsEncrypted && keySource === undefined) {
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

/** Where a certificate or key comes from, and the setting to name when it cannot be used. */
interface Source {
  setting: SettingName;
  content: () => string | Buffer;
}

/** A chain of certificates has a few kilobytes; a larger file was not meant. */
const MAX_FILE_BYTES = 1024 * 1024;

function readBounded(path: string): Buffer {
  if (statSync(path).size > MAX_FILE_BYTES) throw new BadValue('the file is too large');
  return readFileSync(path);
}

function describeFileError(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (code === 'ENOENT') return 'the file does not exist';
  if (code === 'EACCES') return 'this user may not read the file';
  return code === 'EISDIR' ? 'this is a directory, not a file' : 'cannot be read';
}
