import { type KmsStandIn, startKmsStandIn } from '../stand-ins/kms.js';
import type { Backend } from '../http/harness.js';
import { startDynamoDb } from '../stores/dynamodb-server.js';
import { createDynamoTable } from '../../src/adapters/dynamodb.js';
import { dynamoOptions, rawTable } from '../stores/harness.js';
import type { Item } from './recordings.js';

/** DynamoDB and KMS as production has them, on local protocol servers, with these rows in the table. */
export interface Production {
  backend: Backend;
  kms: KmsStandIn;
  /** The stored item, as the wire shows it. */
  item(id: string): Promise<Item | undefined>;
  stop(): Promise<void>;
}

export async function startProduction(rows: readonly Item[] = []): Promise<Production> {
  const [dynamo, kms] = await Promise.all([startDynamoDb(), startKmsStandIn()]);
  const options = dynamoOptions(dynamo.endpoint);
  await createDynamoTable(options);
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
        PYNAMO_REQUEST_TIMEOUT_SECONDS: '5',
        KMS_READ_TIMEOUT: '5',
        SSLIFY: 'false',
        STATSD_PORT: '0',
        USER_AUTH_MODULE: 'google',
        ROTATION_DAYS_CONFIG: '{"FINANCIALLY_SENSITIVE": 30}',
        TAGS_EXCLUDING_ROTATION: '["ROTATION_EXCLUDED"]',
        MAXIMUM_ROTATION_DAYS: '90',
        SESSION_SECRET: 'a test secret that is long enough for sessions',
        GOOGLE_OAUTH_CLIENT_ID: 'test-client',
        GOOGLE_OAUTH_CONSUMER_SECRET: 'test-secret',
      },
    },
    kms,
    item: async (id) => ((await raw.call('GetItem', { Key: { id: { S: id } } })) as { Item?: Item }).Item,
    stop: async () => {
      raw.close();
      await Promise.all([dynamo.stop(), kms.stop()]);
    },
  };
}
