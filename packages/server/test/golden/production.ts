import { parse } from 'yaml';
import { startAcmPca } from '../stand-ins/acm-pca.js';
import { startIamStandIn } from '../stand-ins/iam.js';
import { type KmsStandIn, startKmsStandIn } from '../stand-ins/kms.js';
import type { Backend } from '../harness/server.js';
import { startDynamoDb } from '../stand-ins/dynamodb-server.js';
import { createDynamoTable } from '../../src/adapters/store/dynamodb/create-table.js';
import { dynamoOptions, rawTable } from '../adapters/store/harness.js';
import { type Item, recordedJson } from './recordings.js';

/** The settings of golden/settings.env without those that point at a backend. */
const RECORDED_SETTINGS = {
  ROTATION_DAYS_CONFIG: '{"FINANCIALLY_SENSITIVE": 30}',
  TAGS_EXCLUDING_ROTATION: '["ROTATION_EXCLUDED"]',
  MAXIMUM_ROTATION_DAYS: '90',
  CLIENT_CONFIG:
    '{"blind_keys":{"us-east-1":"alias/blind-useast1","us-west-2":"alias/blind-uswest2"},"blind_cipher_type":"fernet","blind_cipher_version":"2","blind_store_credential_keys":true}',
  ACM_PRIVATE_CAS: 'private,selfsigned',
  ACM_PRIVATE_CA_DOMAIN_REGEX_PRIVATE: String.raw`(?P<service_name>[\w-]+)\.example\.com`,
  ACM_PRIVATE_CA_DOMAIN_REGEX_SELFSIGNED: String.raw`(?P<service_name>[\w-]+)\.example\.com`,
  ACM_PRIVATE_CA_SELF_SIGN_SELFSIGNED: 'true',
  ACM_PRIVATE_CA_CSR_COUNTRY_NAME_SELFSIGNED: 'US',
  ACM_PRIVATE_CA_CSR_ORGANIZATION_NAME_SELFSIGNED: 'Example Inc.',
  JWT_ACTIVE_SIGNING_KEYS: '{"staging":"staging-kid-1","production":"production-kid-1"}',
};

const number = (n: number): string => String(n).padStart(2, '0');
const RECORDED_ROLES = [
  ...Array.from({ length: 20 }, (_, i) => `svc-${number(i + 1)}-production`),
  'perf-production',
  'confidant-production',
  'rolewithoutservice-production',
];

/** The content of SECRETS_BOOTSTRAP in the recordings. */
function recordedSecrets(): Record<string, string> {
  return parse(recordedJson<{ secrets_plaintext_yaml: string }>('secrets-bootstrap.json').secrets_plaintext_yaml);
}

/** DynamoDB and KMS as in production, on local protocol servers, with these rows in the table. */
export interface Production {
  backend: Backend;
  kms: KmsStandIn;
  /** The settings of the recordings that do not depend on a backend. */
  recordedEnvironment: Record<string, string>;
  /** The certificate of the CA that the settings call `private`, PEM. */
  caCertificate: string;
  /** The stored item, as the wire shows it. */
  item(id: string): Promise<Item | undefined>;
  stop(): Promise<void>;
}

export async function startProduction(rows: readonly Item[] = []): Promise<Production> {
  const [dynamo, kms, iam, pca] = await Promise.all([
    startDynamoDb(),
    startKmsStandIn(),
    startIamStandIn(RECORDED_ROLES),
    startAcmPca(),
  ]);
  // The AWS SDK takes this endpoint only from the environment.
  process.env['AWS_ENDPOINT_URL_IAM'] = iam.url;
  const privateCa = await pca.addAuthority({ tags: { env: 'reference' } });
  const options = dynamoOptions(dynamo.endpoint);
  const archiveTable = `${options.table}-archive`;
  await createDynamoTable(options, { archiveTable });
  const raw = rawTable(options);
  for (let at = 0; at < rows.length; at += 20) {
    await Promise.all(rows.slice(at, at + 20).map((row) => raw.put(row as Parameters<typeof raw.put>[0])));
  }
  return {
    backend: {
      kms: kms.kms,
      environment: {
        AUTH_CONTEXT: 'confidant-production',
        AUTH_KEY: 'alias/authnz-service',
        USER_AUTH_KEY: 'alias/authnz-user',
        SCOPED_AUTH_KEYS: '{"alias/authnz-sandbox":"sandbox"}',
        KMS_AUTH_USER_TYPES: 'user,service',
        KMS_MASTER_KEY: 'alias/confidant-master',
        KMS_URL: kms.url,
        DYNAMODB_URL: dynamo.endpoint,
        DYNAMODB_TABLE: options.table,
        DYNAMODB_TABLE_ARCHIVE: archiveTable,
        AWS_ENDPOINT_URL_ACM_PCA: pca.url,
        PYNAMO_REQUEST_TIMEOUT_SECONDS: '20',
        KMS_READ_TIMEOUT: '20',
        SSLIFY: 'false',
        STATSD_PORT: '0',
        USER_AUTH_MODULE: 'google',
        SESSION_SECRET: 'a test secret that is long enough for sessions',
        GOOGLE_OAUTH_CLIENT_ID: 'test-client',
        GOOGLE_OAUTH_CONSUMER_SECRET: 'test-secret',
      },
    },
    kms,
    recordedEnvironment: {
      ...RECORDED_SETTINGS,
      ACM_PRIVATE_CA_ARN_PRIVATE: privateCa,
      // The ACM PCA of the recordings served this one too, whatever its ARN.
      ACM_PRIVATE_CA_ARN_SELFSIGNED: privateCa,
      JWT_CERTIFICATE_AUTHORITIES: recordedSecrets()['JWT_CERTIFICATE_AUTHORITIES']!,
      JWT_IS_CA_ENCRYPTED: 'false',
    },
    caCertificate: pca.certificateOf(privateCa),
    item: async (id) => ((await raw.call('GetItem', { Key: { id: { S: id } } })) as { Item?: Item }).Item,
    stop: async () => {
      raw.close();
      await Promise.all([dynamo.stop(), kms.stop(), iam.stop(), pca.close()]);
    },
  };
}
