import { X509Certificate } from 'node:crypto';
import { isCommonName, isDnsName } from '../domain/ca-names.js';
import { Refusal } from '../domain/refusal.js';
import type {
  CertificateAuthority,
  CertificateAuthorityDescription,
  IssuedCertificate,
  IssuedKeyPair,
  SigningRequest,
} from '../ports/certificates.js';
import { audited, authorize } from './access.js';
import type { App, Caller } from './app.js';

/** Describes the certificate authorities of the settings. */
export async function listAuthorities(app: App, caller: Caller): Promise<CertificateAuthorityDescription[]> {
  await authorize(app, caller, { resourceType: 'ca', action: 'list' }, 'list cas');
  return Promise.all(app.authorities.list().map((authority) => authority.describe()));
}

export async function getAuthority(app: App, caller: Caller, name: string): Promise<CertificateAuthorityDescription> {
  // compat: an unknown CA is a 404 before the policy is asked, here and below.
  const authority = requireAuthority(app, name);
  await authorize(app, caller, { resourceType: 'ca', action: 'get', resourceId: name }, `get ca ${name}`);
  return authority.describe();
}

/** Makes a key and has it certified. `validityDays` is at most what the CA allows, which is also its default. */
export async function issueCertificate(
  app: App,
  caller: Caller,
  ca: string,
  wanted: { commonName: string; dnsNames: readonly string[]; validityDays: number | undefined },
): Promise<IssuedKeyPair> {
  const authority = requireAuthority(app, ca);
  const { commonName } = wanted;
  const dnsNames = [...new Set(wanted.dnsNames)];
  await authorizeNames(app, caller, ca, commonName, dnsNames);
  if (!isCommonName(commonName)) throw new Refusal('invalid_request', 'cn must have at most 64 visible characters');
  if (!dnsNames.every(isDnsName)) throw new Refusal('invalid_request', 'san must be DNS names');
  return issue(app, caller, authority, { commonName, alternativeNames: dnsNames }, wanted.validityDays, (days) =>
    authority.issueWithKey(commonName, dnsNames, days),
  );
}

/** Has the key of a signing request certified, for the names that the request holds. */
export async function signRequest(
  app: App,
  caller: Caller,
  ca: string,
  wanted: { csr: string | null | undefined; validityDays: number | undefined },
): Promise<IssuedCertificate> {
  const authority = requireAuthority(app, ca);
  if (!wanted.csr) throw new Refusal('invalid_request', 'csr must be provided in the POST body.');
  // The names to authorize are in the request, so it is read first.
  const request = app.authorities.readRequest(wanted.csr);
  refuseForeignSubject(authority, request);
  await authorizeNames(app, caller, ca, request.commonName, request.alternativeNames);
  return issue(app, caller, authority, request, wanted.validityDays, (days) => authority.issue(request, days));
}

/**
 * The policy decides about the CN and the alternative names alone, but relying parties may read groups, users or roles
 * from other parts of a subject.
 *
 * @throws Refusal `invalid_request` for a part of the subject that neither is the CN nor stands in the CA's settings
 */
function refuseForeignSubject({ subject }: CertificateAuthority, { otherAttributes }: SigningRequest): void {
  const foreign = otherAttributes.find(({ name, text }) => text === undefined || text !== ownText(subject, name));
  if (foreign === undefined) return;
  const text = `csr has ${foreign.name} in its subject, which this CA does not certify: make a request with the CN alone`;
  throw new Refusal('invalid_request', text);
}

function ownText(subject: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(subject, name) ? subject[name] : undefined;
}

function requireAuthority(app: App, name: string): CertificateAuthority {
  const authority = app.authorities.get(name);
  if (authority === undefined) throw new Refusal('not_found', 'Provided CA not found.');
  return authority;
}

function authorizeNames(
  app: App,
  caller: Caller,
  ca: string,
  commonName: string,
  alternativeNames: readonly string[],
): Promise<void> {
  return authorize(
    app,
    caller,
    {
      resourceType: 'certificate',
      action: 'get',
      resourceId: commonName,
      certificate: { ca, alternativeNames },
    },
    `get certificate cn ${commonName} against ca ${ca}`,
  );
}

function issue<Issued extends IssuedCertificate>(
  app: App,
  caller: Caller,
  authority: CertificateAuthority,
  { commonName, alternativeNames }: Pick<SigningRequest, 'commonName' | 'alternativeNames'>,
  asked: number | undefined,
  work: (validityDays: number) => Promise<Issued>,
): Promise<Issued> {
  const longest = authority.maxValidityDays;
  const validityDays = Math.min(Math.max(asked ?? longest, 1), longest);
  const what = { resourceType: 'certificate', action: 'get', resourceId: commonName };
  return audited(app, caller, what, async (details) => {
    details.certificate = { ca: authority.name, alternativeNames, validityDays };
    const issued = await work(validityDays);
    const { serialNumber } = new X509Certificate(issued.certificate);
    details.certificate = { ...details.certificate, serialNumber };
    return issued;
  });
}
