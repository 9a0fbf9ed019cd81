import { setTimeout as sleep } from 'node:timers/promises';
import { BackendUnavailable } from '../../../ports/unavailable.js';
import { type AwsJsonClient, AwsRefusal } from '../../aws/json-client.js';
import { asUnavailable, BACKEND, DATE_INDEX, dynamoClient, type DynamoOptions } from './client.js';

const DEFAULT_WAIT_MS = 180_000;
const POLL_MS = 500;

// compat: these are the original's units. Operators change them, or the billing mode, on the table.
const THROUGHPUT = { ReadCapacityUnits: 10, WriteCapacityUnits: 10 };

function index(name: string, range: string): object {
  return {
    IndexName: name,
    KeySchema: [
      { AttributeName: 'data_type', KeyType: 'HASH' },
      { AttributeName: range, KeyType: 'RANGE' },
    ],
    Projection: { ProjectionType: 'ALL' },
    ProvisionedThroughput: THROUGHPUT,
  };
}

const DEFINITION = {
  ProvisionedThroughput: THROUGHPUT,
  AttributeDefinitions: [
    { AttributeName: 'id', AttributeType: 'S' },
    { AttributeName: 'data_type', AttributeType: 'S' },
    { AttributeName: 'modified_date', AttributeType: 'S' },
    { AttributeName: 'revision', AttributeType: 'N' },
  ],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  GlobalSecondaryIndexes: [
    index(DATE_INDEX, 'modified_date'),
    // compat: the original's guide names this index, though its last release and this server read only the other one.
    index('data_type_revision_index', 'revision'),
  ],
};

/**
 * Makes the table, and the archive table if one is named, with both indexes, unless they exist, and resolves when they
 * can be used. Existing tables are left as they are. Servers that start at once may all call it.
 *
 * Rejects with {@link BackendUnavailable} when DynamoDB does not answer, denies it, or a table does not become active
 * within `waitMs`.
 */
export async function createDynamoTable(
  options: DynamoOptions,
  { archiveTable, waitMs = DEFAULT_WAIT_MS }: { archiveTable?: string; waitMs?: number } = {},
): Promise<void> {
  const client = dynamoClient(options);
  const deadline = performance.now() + waitMs;
  try {
    for (const table of [options.table, ...(archiveTable === undefined ? [] : [archiveTable])]) {
      if ((await statusOf(client, table)) === 'missing') await create(client, table);
      while ((await statusOf(client, table)) !== 'active') {
        if (performance.now() > deadline) {
          throw new BackendUnavailable(BACKEND, { cause: new Error(`the table ${table} did not become active`) });
        }
        await sleep(POLL_MS);
      }
    }
  } catch (error) {
    throw asUnavailable(error);
  } finally {
    client.close();
  }
}

async function statusOf(client: AwsJsonClient, table: string): Promise<'missing' | 'changing' | 'active'> {
  try {
    const { Table } = (await client.call('DescribeTable', { TableName: table })) as {
      Table?: { TableStatus?: string; GlobalSecondaryIndexes?: { IndexName?: string; IndexStatus?: string }[] };
    };
    const usable = ['ACTIVE', 'UPDATING'].includes(Table?.TableStatus ?? '');
    const dates = Table?.GlobalSecondaryIndexes?.find(({ IndexName }) => IndexName === DATE_INDEX);
    return usable && dates?.IndexStatus !== 'CREATING' ? 'active' : 'changing';
  } catch (error) {
    if (error instanceof AwsRefusal && error.code === 'ResourceNotFoundException') return 'missing';
    throw error;
  }
}

async function create(client: AwsJsonClient, table: string): Promise<void> {
  try {
    await client.call('CreateTable', { TableName: table, ...DEFINITION });
  } catch (error) {
    // Another server was faster, or an earlier attempt of this server whose response was lost.
    if (!(error instanceof AwsRefusal && error.code === 'ResourceInUseException')) throw error;
  }
}
