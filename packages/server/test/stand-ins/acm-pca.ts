import { createHash, randomBytes, randomUUID, webcrypto } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { x509 } from './x509.js';

/**
 * AWS Private CA over HTTP for tests: the operations the server uses, in AWS's JSON protocol, over real keys. Requests
 * must carry a signature of the right form, for the right service and region.
 */
export interface AcmPcaStandIn {
  url: string;
  region: string;
  /** Makes a CA and resolves to its ARN, which is a new one unless given. */
  addAuthority(options?: AuthorityOptions): Promise<string>;
  /** The certificate of a CA, PEM. */
  certificateOf(arn: string): string;
  /** Every call that was understood, in order. */
  calls: { operation: string; input: Record<string, unknown> }[];
  /** How often GetCertificate says that the certificate is not there yet. */
  pendingPolls: number;
  /**
   * Failures of the next calls, one each, before calls are served as usual. With `lost` the call is done, but the
   * connection breaks.
   */
  faults: ('lost' | { status: number; code: string })[];
  /** While set, every call hangs, or is refused with this code. */
  outage: 'hang' | { status: number; code: string } | undefined;
  close(): Promise<void>;
}

interface AuthorityOptions {
  arn?: string;
  tags?: Record<string, string>;
  keys?: 'rsa' | 'ec';
  name?: string;
}

interface Authority {
  arn: string;
  keys: webcrypto.CryptoKeyPair;
  certificate: x509.X509Certificate;
  tags: Record<string, string>;
  isRsa: boolean;
  issued: Map<string, { pem: string; polls: number }>;
  byToken: Map<string, string>;
}

const REGION = 'us-east-1';
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
/** The page size is small, so that there are several pages. */
const TAGS_PER_PAGE = 1;

class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(code);
  }
}

export async function startAcmPca(): Promise<AcmPcaStandIn> {
  // The server's first call would load it, which may take longer than that call is given.
  await import('@aws-sdk/credential-provider-node');
  const authorities = new Map<string, Authority>();
  const standIn: AcmPcaStandIn = {
    url: '',
    region: REGION,
    calls: [],
    pendingPolls: 0,
    faults: [],
    outage: undefined,
    addAuthority: async (options = {}) => {
      const authority = await makeAuthority(options);
      authorities.set(authority.arn, authority);
      return authority.arn;
    },
    certificateOf: (arn) => pem(authorities.get(arn)!.certificate),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => {
      const { status, code } = error instanceof Refused ? error : { status: 500, code: 'InternalFailure' };
      respond(response, status, { __type: `com.amazonaws.acmpca#${code}`, Message: `stand-in: ${String(error)}` });
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request);
    const operation = checkRequest(request);
    const input = JSON.parse(body) as Record<string, unknown>;
    standIn.calls.push({ operation, input });
    if (standIn.outage === 'hang') return;
    if (standIn.outage) throw new Refused(standIn.outage.status, standIn.outage.code);
    const fault = standIn.faults.shift();
    if (fault !== undefined && fault !== 'lost') throw new Refused(fault.status, fault.code);
    const authority = authorities.get(String(input['CertificateAuthorityArn']));
    if (authority === undefined) throw new Refused(400, 'ResourceNotFoundException');
    const answer = await perform(operation, authority, input, standIn.pendingPolls);
    if (fault === 'lost') request.socket.destroy();
    else respond(response, 200, answer);
  }

  // No idle connection is closed, since a request could reuse it at that moment.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  standIn.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return standIn;
}

async function makeAuthority(options: AuthorityOptions): Promise<Authority> {
  const isRsa = options.keys !== 'ec';
  const algorithm = isRsa ? RSA : EC;
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ O: ['Stand-in'] }, { CN: [options.name ?? 'stand-in root'] }],
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 3650 * DAY_MS),
    signingAlgorithm: algorithm,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  });
  return {
    arn: options.arn ?? `arn:aws:acm-pca:${REGION}:123456789012:certificate-authority/${randomUUID()}`,
    keys,
    certificate,
    tags: options.tags ?? {},
    isRsa,
    issued: new Map(),
    byToken: new Map(),
  };
}

async function perform(
  operation: string,
  authority: Authority,
  input: Record<string, unknown>,
  pendingPolls: number,
): Promise<Record<string, unknown>> {
  switch (operation) {
    case 'IssueCertificate':
      return { CertificateArn: await issue(authority, input) };
    case 'GetCertificate': {
      const certificate = authority.issued.get(String(input['CertificateArn']));
      if (certificate === undefined) throw new Refused(400, 'ResourceNotFoundException');
      if (certificate.polls++ < pendingPolls) throw new Refused(400, 'RequestInProgressException');
      return { Certificate: certificate.pem, CertificateChain: pem(authority.certificate) };
    }
    case 'GetCertificateAuthorityCertificate':
      return { Certificate: pem(authority.certificate), CertificateChain: pem(authority.certificate) };
    case 'ListTags': {
      const start = Number(input['NextToken'] ?? 0);
      const all = Object.entries(authority.tags).map(([Key, Value]) => ({ Key, Value }));
      const end = start + TAGS_PER_PAGE;
      return { Tags: all.slice(start, end), ...(end < all.length && { NextToken: String(end) }) };
    }
    default:
      throw new Refused(400, 'UnknownOperationException');
  }
}

async function issue(authority: Authority, input: Record<string, unknown>): Promise<string> {
  const token = input['IdempotencyToken'];
  if (typeof token !== 'string' || !/^[\w-]{1,36}$/.test(token)) throw new Refused(400, 'InvalidArgsException');
  const before = authority.byToken.get(token);
  if (before !== undefined) return before;
  const template = /^arn:([\w-]+):acm-pca:::template\/\w+\/V\d$/.exec(String(input['TemplateArn']));
  if (template?.[1] !== authority.arn.split(':')[1]) {
    throw new Refused(400, 'InvalidArgsException');
  }
  const algorithm = String(input['SigningAlgorithm']);
  if (!(authority.isRsa ? /^SHA(256|384|512)WITHRSA$/ : /^SHA(256|384|512)WITHECDSA$/).test(algorithm)) {
    throw new Refused(400, 'InvalidArgsException');
  }
  const { Type: unit, Value: days } = input['Validity'] as { Type: unknown; Value: unknown };
  if (unit !== 'DAYS' || !Number.isInteger(days) || (days as number) < 1) throw new Refused(400, 'ValidationException');
  const request = await readCsr(String(input['Csr']));
  const names = request.getExtension('2.5.29.17');
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: request.subjectName,
    issuer: authority.certificate.subjectName,
    // As with AWS, the certificate is valid from a while before it was requested.
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + (days as number) * DAY_MS),
    publicKey: request.publicKey,
    signingKey: authority.keys.privateKey as never,
    signingAlgorithm: { ...(authority.isRsa ? RSA : EC), hash: `SHA-${algorithm.slice(3, 6)}` },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey as never),
      await x509.SubjectKeyIdentifierExtension.create(request.publicKey),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      ...(names ? [names] : []),
    ],
  });
  const arn = `${authority.arn}/certificate/${createHash('sha256').update(token).digest('hex').slice(0, 32)}`;
  authority.issued.set(arn, { pem: pem(certificate), polls: 0 });
  authority.byToken.set(token, arn);
  return arn;
}

async function readCsr(encoded: string): Promise<x509.Pkcs10CertificateRequest> {
  try {
    const request = new x509.Pkcs10CertificateRequest(Buffer.from(encoded, 'base64').toString('utf8'));
    if (await request.verify()) return request;
  } catch {
    // The refusal follows below.
  }
  throw new Refused(400, 'MalformedCSRException');
}

/** The operation of a request that is signed and labelled as AWS requires it. */
function checkRequest({ method, headers }: IncomingMessage): string {
  const [prefix, operation] = String(headers['x-amz-target']).split('.');
  if (method !== 'POST' || prefix !== 'ACMPrivateCA' || headers['content-type'] !== 'application/x-amz-json-1.1') {
    throw new Refused(400, 'UnknownOperationException');
  }
  const date = String(headers['x-amz-date']);
  const signed = new RegExp(
    `^AWS4-HMAC-SHA256 Credential=\\w+/${date.slice(0, 8)}/${REGION}/acm-pca/aws4_request, ` +
      `SignedHeaders=(?:[\\w-]+;)*host;(?:[\\w-]+;)*x-amz-date;(?:[\\w-]+;)*x-amz-target, Signature=[0-9a-f]{64}$`,
  );
  if (!/^\d{8}T\d{6}Z$/.test(date) || !signed.test(headers.authorization ?? '')) {
    throw new Refused(403, 'MissingAuthenticationTokenException');
  }
  return operation ?? '';
}

const serial = (): string => `0${randomBytes(15).toString('hex')}`.slice(0, 30).padStart(32, '01');

/** AWS's texts end without a line break. */
const pem = (certificate: x509.X509Certificate): string => certificate.toString('pem').trim();

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function respond(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
}
