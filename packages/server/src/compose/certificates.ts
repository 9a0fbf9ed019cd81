import type { Logger } from 'pino';
import { AcmPca, acmPcaClient } from '../adapters/signing/acm-pca.js';
import type { AwsJsonClient } from '../adapters/aws/json-client.js';
import { customAuthorities } from '../adapters/signing/custom-ca.js';
import { jwtKeys, jwtMemory } from '../adapters/signing/jwt-keys.js';
import { readRequest } from '../adapters/signing/x509/signing-request.js';
import { KeyMaker, NO_SUBJECT } from '../adapters/signing/x509/certificate.js';
import type { JwtSettings } from '../app/app.js';
import type { CaSettings } from '../config/ca-settings.js';
import type { Settings } from '../config/settings.js';
import { CaNames } from '../domain/ca-names.js';
import type { CertificateAuthorities, CertificateAuthority } from '../ports/certificates.js';
import type { Clock } from '../ports/clock.js';
import type { Metrics } from '../ports/telemetry.js';

interface Surroundings {
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
}

/** The keys that a custom CA makes; there is no setting for them. */
const CUSTOM_CA_KEYS = { bits: 2048, publicExponent: 65_537, subject: NO_SUBJECT };

/** The certificate authorities of the settings, and the connections they hold. */
export function openAuthorities(
  settings: Settings,
  surroundings: Surroundings,
): CertificateAuthorities & { close(): void } {
  const clients = new Map<string, AwsJsonClient>();
  const authorities =
    settings.CA_TYPE === 'aws_acm_pca'
      ? settings.acmPrivateCas.map((ca) => openAcmPca(ca, settings, surroundings, clients))
      : openCustomAuthorities(settings, surroundings);
  const byName = new Map(authorities.map((authority) => [authority.name, authority]));
  return {
    list: () => authorities,
    get: (name) => byName.get(name),
    readRequest: (pem) => {
      const { commonName, alternativeNames } = readRequest(pem);
      return { pem, commonName, alternativeNames };
    },
    close: () => clients.forEach((client) => client.close()),
  };
}

function openAcmPca(
  ca: CaSettings,
  settings: Settings,
  { clock, metrics }: Surroundings,
  clients: Map<string, AwsJsonClient>,
): CertificateAuthority {
  // A CA lives in the region that its ARN names, whichever region the rest is in.
  const region = ca.ACM_PRIVATE_CA_ARN.split(':')[3] ?? settings.AWS_DEFAULT_REGION;
  const endpoint = settings.AWS_ENDPOINT_URL_ACM_PCA;
  const client = clients.get(region) ?? acmPcaClient({ region, ...(endpoint !== '' && { endpoint }) });
  clients.set(region, client);
  return new AcmPca({
    name: ca.name,
    arn: ca.ACM_PRIVATE_CA_ARN,
    signingAlgorithm: ca.ACM_PRIVATE_CA_SIGNING_ALGORITHM,
    templateArn: ca.ACM_PRIVATE_CA_TEMPLATE_ARN,
    maxValidityDays: ca.ACM_PRIVATE_CA_MAX_VALIDITY_DAYS,
    selfSign: ca.ACM_PRIVATE_CA_SELF_SIGN,
    keys: new KeyMaker({
      bits: ca.ACM_PRIVATE_CA_KEY_SIZE,
      publicExponent: ca.ACM_PRIVATE_CA_KEY_PUBLIC_EXPONENT_SIZE,
      subject: {
        countryName: ca.ACM_PRIVATE_CA_CSR_COUNTRY_NAME,
        stateOrProvinceName: ca.ACM_PRIVATE_CA_CSR_STATE_OR_PROVINCE_NAME,
        localityName: ca.ACM_PRIVATE_CA_CSR_LOCALITY_NAME,
        organizationName: ca.ACM_PRIVATE_CA_CSR_ORGANIZATION_NAME,
      },
    }),
    cacheSize: ca.ACM_PRIVATE_CA_CERTIFICATE_USE_CACHE ? ca.ACM_PRIVATE_CA_CERTIFICATE_CACHE_SIZE : 0,
    client,
    clock,
    metrics,
  });
}

function openCustomAuthorities(settings: Settings, { clock, logger }: Surroundings): CertificateAuthority[] {
  return customAuthorities({
    encoded: settings.CUSTOM_CERTIFICATE_AUTHORITIES,
    activeKeys: settings.CUSTOM_CA_ACTIVE_KEYS,
    maxValidityDays: settings.CUSTOM_CA_MAX_VALIDITY_DAYS,
    keys: new KeyMaker(CUSTOM_CA_KEYS),
    clock,
    warn: (message, details) => logger.error(details, message),
  });
}

/** Which names a CA may certify for whom, by the CA's name; undefined: none for anybody. */
export function caNames(settings: Settings): (ca: string) => CaNames | undefined {
  if (settings.CA_TYPE !== 'aws_acm_pca') {
    const pattern = settings.CUSTOM_CA_DOMAIN_REGEX;
    const names = pattern === '' ? undefined : new CaNames(pattern, settings.CUSTOM_CA_CN_ONLY);
    return () => names;
  }
  const byName = new Map(
    settings.acmPrivateCas
      .filter((ca) => ca.ACM_PRIVATE_CA_DOMAIN_REGEX !== '')
      .map((ca) => [ca.name, new CaNames(ca.ACM_PRIVATE_CA_DOMAIN_REGEX, ca.ACM_PRIVATE_CA_CN_ONLY)]),
  );
  return (ca) => byName.get(ca);
}

/** What JWTs are made with, and the connection to their cache. */
export async function openJwts(
  settings: Settings,
  { logger }: Pick<Surroundings, 'logger'>,
): Promise<JwtSettings & { close(): void }> {
  const redis =
    settings.JWT_CACHING_ENABLED && settings.JWT_CACHING_USE_REDIS
      ? (await import('../adapters/expiring/redis.js')).openRedis({
          url: settings.REDIS_URL_JWT_CACHE,
          prefix: 'confidant:jwt:',
          timeoutMs: settings.REDIS_SOCKET_TIMEOUT * 1000,
          onFault: (error) => logger.error({ err: error }, 'the Redis of the JWT cache is out of reach'),
        })
      : undefined;
  return {
    keys: jwtKeys(settings.JWT_CERTIFICATE_AUTHORITIES, settings.JWT_ACTIVE_SIGNING_KEYS, (message, details) =>
      logger.error(details, message),
    ),
    lifetimeSeconds: settings.JWT_DEFAULT_JWT_EXPIRATION_SECONDS,
    cache: settings.JWT_CACHING_ENABLED
      ? { store: redis ?? jwtMemory(settings.JWT_CACHING_MAX_SIZE), ttlSeconds: settings.JWT_CACHING_TTL_SECONDS }
      : null,
    close: () => void redis?.close(),
  };
}
