import type { Logger } from 'pino';
import { AcmPca, acmPcaClient, acmPcaEndpoint } from '../adapters/signing/acm-pca.js';
import type { AwsJsonClient } from '../adapters/aws/json-client.js';
import { customAuthorities } from '../adapters/signing/custom-ca.js';
import { ATTRIBUTE_NAMES } from '../adapters/signing/x509/identifiers.js';
import { readRequest } from '../adapters/signing/x509/signing-request.js';
import { KeyMaker, NO_SUBJECT } from '../adapters/signing/x509/key-maker.js';
import type { CaSettings } from '../config/ca-settings.js';
import type { Settings } from '../config/server-settings.js';
import { CaNames } from '../domain/ca-names.js';
import type { CertificateAuthorities, CertificateAuthority } from '../ports/certificates.js';
import type { Clock } from '../ports/clock.js';
import type { Metrics } from '../ports/telemetry.js';

/** The parts of the server that the authorities use. */
interface Shared {
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
}

/** Keys that a custom CA generates; no setting changes them. */
const CUSTOM_CA_KEYS = { bits: 2048, publicExponent: 65_537, subject: NO_SUBJECT };

/** Opens the certificate authorities of the settings; `close` ends their connections. */
export async function openAuthorities(
  settings: Settings,
  shared: Shared,
): Promise<CertificateAuthorities & { close(): void }> {
  const clients = new Map<string, AwsJsonClient>();
  const authorities: CertificateAuthority[] = [];
  if (settings.CA_TYPE !== 'aws_acm_pca') authorities.push(...openCustomAuthorities(settings, shared));
  else {
    for (const ca of settings.acmPrivateCas) {
      // A CA lives in the region of its ARN, which may differ from AWS_DEFAULT_REGION.
      const region = ca.ACM_PRIVATE_CA_ARN.split(':')[3] ?? settings.AWS_DEFAULT_REGION;
      const client = clients.get(region) ?? acmPcaClient({ region, endpoint: await pcaEndpoint(settings, region) });
      clients.set(region, client);
      authorities.push(openAcmPca(ca, client, shared));
    }
  }
  const byName = new Map(authorities.map((authority) => [authority.name, authority]));
  return {
    list: () => authorities,
    get: (name) => byName.get(name),
    readRequest: (pem) => {
      const { commonName, alternativeNames, otherAttributes } = readRequest(pem);
      const named = otherAttributes.map(({ id, text }) => ({ name: ATTRIBUTE_NAMES[id] ?? id, text }));
      return { pem, commonName, alternativeNames, otherAttributes: named };
    },
    close: () => clients.forEach((client) => client.close()),
  };
}

function pcaEndpoint({ AWS_ENDPOINT_URL_ACM_PCA: url }: Settings, region: string): Promise<string> {
  // The SDK reads this variable by itself, unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is set.
  const isReadBySdk = url === '' || url === process.env['AWS_ENDPOINT_URL_ACM_PCA'];
  return acmPcaEndpoint(region, isReadBySdk ? undefined : url);
}

function openAcmPca(ca: CaSettings, client: AwsJsonClient, { clock, metrics }: Shared): CertificateAuthority {
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

function openCustomAuthorities(settings: Settings, { clock, logger }: Shared): CertificateAuthority[] {
  return customAuthorities({
    encoded: settings.CUSTOM_CERTIFICATE_AUTHORITIES,
    activeKeys: settings.CUSTOM_CA_ACTIVE_KEYS,
    maxValidityDays: settings.CUSTOM_CA_MAX_VALIDITY_DAYS,
    keys: new KeyMaker(CUSTOM_CA_KEYS),
    clock,
    warn: (message, details) => logger.error(details, message),
  });
}

/** Returns a function from the name of a CA to the names that it may certify for each service; undefined means none. */
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
