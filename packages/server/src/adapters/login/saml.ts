import { randomBytes } from 'node:crypto';
import { type Profile, SAML, type SamlConfig, ValidateInResponseTo } from '@node-saml/node-saml';
import { signXmlMetadata } from '@node-saml/node-saml/lib/utility.js';
import { Refusal } from '../../domain/refusal.js';
import type { SamlLogout, SamlProvider } from '../../ports/login.js';
import { checkResponse, readAssertion, type AssertionRules } from './saml-assertion.js';
import {
  assertRedirectSignature,
  BadSamlMessage,
  claimedRequest,
  inflateMessage,
  readMessage,
  readResponse,
  type XmlNode,
} from './saml-message.js';

export interface SamlOptions {
  /** The entity id of this server, the service provider. Keys and certificates are PEM. */
  entityId: string;
  consumeUrl: string;
  logoutUrl: string;
  audiences: readonly string[];
  key: string | undefined;
  certificates: readonly string[];
  signatureAlgorithm: 'sha1' | 'sha256' | 'sha512';
  sign: { requests: boolean; logoutRequests: boolean; logoutResponses: boolean; metadata: boolean };
  nameIdFormat: string | null;
  /** The ways of authentication to ask for; null accepts any. */
  authnContexts: readonly string[] | null;
  authnContextComparison: 'exact' | 'minimum' | 'maximum' | 'better';
  idp: {
    entityId: string;
    signOnUrl: string;
    /** Empty when the provider has no single logout. */
    logoutUrl: string;
    certificates: readonly string[];
  };
  want: {
    messagesSigned: boolean;
    assertionsSigned: boolean;
    assertionsEncrypted: boolean;
    logoutSigned: boolean;
    attributes: boolean;
  };
  allowIdpInitiated: boolean;
  groupsAttribute: string;
}

/** compat: the original's library tolerates this difference between clocks. */
const CLOCK_SKEW_SECONDS = 300;
/** A logout request without an expiry of its own is accepted for this long after it was made. */
const LOGOUT_REQUEST_SECONDS = 600;
const NO_LOGIN_BEGUN = 'no login was begun in this browser';

/**
 * A SAML 2.0 identity provider. The library verifies signatures and decrypts; `saml-message.ts` checks messages before
 * it, and `saml-assertion.ts` checks after it everything that an assertion must say to log someone in.
 */
export function samlProvider(options: SamlOptions, nowSeconds: () => number): SamlProvider {
  const { idp, want } = options;
  const rules: AssertionRules = {
    issuer: idp.entityId,
    audiences: options.audiences,
    consumeUrl: options.consumeUrl,
    wantAttributes: want.attributes,
    groupsAttribute: options.groupsAttribute,
    clockSkewSeconds: CLOCK_SKEW_SECONDS,
  };
  /** The library's object fixes whether it signs; making one costs nothing. */
  const library = (signs: boolean, id: string = newId()): SAML => new SAML(libraryOptions(options, signs, id));

  return {
    begin: async () => {
      const requestId = newId();
      const location = await library(options.sign.requests, requestId).getAuthorizeUrlAsync('', undefined, {});
      return { location, requestId };
    },
    requestOf: claimedRequest,
    consume: (response, requestId) =>
      refuseOnError(async () => {
        // A message that no login of this browser requested is not even parsed.
        if (requestId === undefined && !options.allowIdpInitiated) throw new BadSamlMessage(NO_LOGIN_BEGUN);
        const tree = await readResponse(response, options.key);
        const envelope = tree['Response'] as unknown as { $?: Record<string, string>; Assertion?: unknown } | undefined;
        const unsolicited = envelope?.$?.['InResponseTo'] === undefined;
        const expected = unsolicited && options.allowIdpInitiated ? undefined : requestId;
        if (expected === undefined && !(unsolicited && options.allowIdpInitiated)) {
          throw new BadSamlMessage(NO_LOGIN_BEGUN);
        }
        checkResponse(tree, rules, expected);
        if (want.assertionsEncrypted && envelope?.Assertion !== undefined) {
          throw new BadSamlMessage('the assertion is not encrypted');
        }
        const { profile } = await library(false).validatePostResponseAsync({ SAMLResponse: response });
        const proven = profile?.getAssertionXml?.();
        if (proven === undefined) throw new BadSamlMessage('the response holds no assertion');
        return readAssertion(await readMessage(proven), rules, expected, nowSeconds());
      }),
    beginLogout: async ({ nameId, nameIdFormat, sessionIndex }) => {
      if (idp.logoutUrl === '') return undefined;
      const requestId = newId();
      const profile: Profile = {
        issuer: idp.entityId,
        nameID: nameId,
        nameIDFormat: nameIdFormat ?? 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
        ...(sessionIndex !== null && { sessionIndex }),
      };
      const saml = library(options.sign.logoutRequests, requestId);
      return { location: await saml.getLogoutUrlAsync(profile, '', {}), requestId };
    },
    receiveLogout: (query) =>
      refuseOnError(
        () => receiveLogout(options, library, query, nowSeconds()),
        'The logout message could not be verified.',
      ),
    metadata: () => metadata(options, library(false)),
  };
}

/** A new XML id, which may not start with a digit. */
function newId(): string {
  return `_${randomBytes(20).toString('hex')}`;
}

function libraryOptions(options: SamlOptions, signs: boolean, id: string): SamlConfig {
  const { idp, want, key } = options;
  return {
    issuer: options.entityId,
    callbackUrl: options.consumeUrl,
    entryPoint: idp.signOnUrl,
    logoutUrl: idp.logoutUrl,
    idpCert: [...idp.certificates],
    idpIssuer: idp.entityId,
    wantAuthnResponseSigned: want.messagesSigned,
    wantAssertionsSigned: want.assertionsSigned,
    identifierFormat: options.nameIdFormat,
    disableRequestedAuthnContext: options.authnContexts === null,
    authnContext: [...(options.authnContexts ?? [])],
    racComparison: options.authnContextComparison,
    acceptedClockSkewMs: CLOCK_SKEW_SECONDS * 1000,
    signatureAlgorithm: options.signatureAlgorithm,
    digestAlgorithm: options.signatureAlgorithm,
    generateUniqueId: () => id,
    // This module checks both, against the browser's own login and against two audiences.
    audience: false,
    validateInResponseTo: ValidateInResponseTo.never,
    ...(key !== undefined && { decryptionPvk: key }),
    ...(key !== undefined && signs && { privateKey: key }),
  };
}

async function receiveLogout(
  options: SamlOptions,
  library: (signs: boolean) => SAML,
  query: string,
  now: number,
): Promise<SamlLogout> {
  const { raw, parameters } = parametersOf(query);
  const kind = parameters['SAMLRequest'] === undefined ? 'SAMLResponse' : 'SAMLRequest';
  const { Signature: signature, SigAlg: algorithm = '' } = parameters;
  const signed = signature !== undefined;
  if (signed) {
    const covered = [kind, 'RelayState', 'SigAlg'].flatMap((name) => raw[name] ?? []).join('&');
    assertRedirectSignature(covered, { algorithm, signature }, options.idp.certificates);
  } else if (options.want.logoutSigned) {
    throw new BadSamlMessage('the logout message is not signed');
  }

  const tree = await readMessage(await inflateMessage(parameters[kind] ?? ''));
  const rootName = kind === 'SAMLRequest' ? 'LogoutRequest' : 'LogoutResponse';
  const root = tree[rootName] as unknown as { $?: Record<string, string> } | undefined;
  if (root === undefined) throw new BadSamlMessage(`the message is not a ${rootName}`);
  const { Destination, ID, InResponseTo, IssueInstant } = root.$ ?? {};
  if (Destination !== undefined && Destination !== options.logoutUrl) {
    throw new BadSamlMessage(`the logout message is for another destination: ${Destination}`);
  }
  // The library decrypts a name and reads what is inside without any bound: it must be the provider's.
  if (!signed && (root as XmlNode)['EncryptedID'] !== undefined) {
    throw new BadSamlMessage('the name in the unsigned logout request is encrypted');
  }
  const { profile } = await library(false).validateRedirectAsync(parameters, Object.values(raw).join('&'));
  if (kind === 'SAMLResponse') return { kind: 'answer', inResponseTo: InResponseTo ?? null };

  const age = now - Date.parse(IssueInstant ?? '') / 1000;
  if (!(Math.abs(age) <= LOGOUT_REQUEST_SECONDS)) throw new BadSamlMessage('the logout request is too old');
  if (ID === undefined || profile === null) throw new BadSamlMessage('the logout request is incomplete');
  const answer =
    options.idp.logoutUrl === ''
      ? undefined
      : await library(options.sign.logoutResponses).getLogoutResponseUrlAsync(
          profile,
          parameters['RelayState'] ?? '',
          {},
          true,
        );
  return {
    kind: 'request',
    id: ID,
    nameId: profile.nameID,
    sessionIndex: profile.sessionIndex ?? null,
    signed,
    answer,
  };
}

const LOGOUT_PARAMETERS = ['SAMLRequest', 'SAMLResponse', 'RelayState', 'SigAlg', 'Signature'];

/**
 * The parameters of the redirect binding, each at most once, decoded and as they came. The signature covers the latter:
 * if a parameter came twice, one could be verified and the other read.
 */
function parametersOf(query: string): { raw: Record<string, string>; parameters: Record<string, string> } {
  const parameters: Record<string, string> = {};
  const raw: Record<string, string> = {};
  for (const token of query.split('&')) {
    const equals = token.indexOf('=');
    const name = token.slice(0, Math.max(0, equals));
    if (!LOGOUT_PARAMETERS.includes(name)) continue;
    if (parameters[name] !== undefined) throw new BadSamlMessage(`${name} is given twice`);
    parameters[name] = decodeURIComponent(token.slice(equals + 1).replaceAll('+', ' '));
    raw[name] = token;
  }
  return { raw, parameters };
}

function metadata(options: SamlOptions, saml: SAML): string {
  const [current = null] = options.certificates;
  const described = new SAML({
    ...saml.options,
    logoutCallbackUrl: options.logoutUrl,
    ...(options.key !== undefined && { privateKey: options.key }),
  })
    .generateServiceProviderMetadata(current, options.certificates.length === 0 ? null : [...options.certificates])
    // The library says POST, but this server accepts single logout by redirect (compat: GET saml/logout).
    .replace(/(<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2\.0:bindings:)HTTP-POST"/, '$1HTTP-Redirect"');
  const { key } = options;
  if (key === undefined || !options.sign.metadata) return described;
  const { signatureAlgorithm } = options;
  return signXmlMetadata(described, { privateKey: key, signatureAlgorithm, digestAlgorithm: signatureAlgorithm });
}

/** Turns every error into the same refusal, so that the sender learns nothing; the cause goes to the log. */
async function refuseOnError<Result>(work: () => Promise<Result>, text?: string): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('login_failed', text, { cause: error });
  }
}
