import { setTimeout as sleep } from 'node:timers/promises';
import type { Instant } from '../../../domain/instant.js';
import { BackendUnavailable } from '../../../ports/unavailable.js';
import { type AwsJsonClient, backoffMs } from '../../aws/json-client.js';
import { asUnavailable, BACKEND, DATE_INDEX } from './client.js';
import type { Item } from './items.js';

/** BatchGetItem's own limit. */
export const BATCH_SIZE = 100;
const BATCHES_AT_ONCE = 4;
const MAX_KEY_BYTES = 2048;

/** The parts of a query of the index by date besides data_type and earliest date. */
export interface Query {
  Limit?: number;
  ScanIndexForward?: boolean;
  ExclusiveStartKey?: Item;
  ProjectionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
}

/** Reads rows of one table. Every method rejects with {@link BackendUnavailable} when there is no response in time. */
export class TableReads {
  constructor(
    private readonly client: AwsJsonClient,
    private readonly table: string,
  ) {}

  async #call(operation: string, input: object, deadline?: number): Promise<Record<string, unknown>> {
    try {
      return (await this.client.call(operation, input, deadline)) as Record<string, unknown>;
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  /** The row under this id as it is now. */
  async item(id: string): Promise<Item | undefined> {
    if (!isPossibleKey(id)) return undefined;
    const input = { TableName: this.table, Key: { id: { S: id } }, ConsistentRead: true };
    return (await this.#call('GetItem', input))['Item'] as Item | undefined;
  }

  /** The rows under these ids as they are now, in no order; ids may be repeated. */
  async items(ids: readonly string[]): Promise<Item[]> {
    const keys = [...new Set(ids)].filter(isPossibleKey);
    if (keys.length <= BATCH_SIZE) return keys.length === 0 ? [] : this.#batch(keys);
    const batches: string[][] = [];
    for (let at = 0; at < keys.length; at += BATCH_SIZE) batches.push(keys.slice(at, at + BATCH_SIZE));
    const found: Item[] = [];
    const worker = async (): Promise<void> => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop())
        found.push(...(await this.#batch(batch)));
    };
    await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, worker));
    return found;
  }

  async #batch(ids: readonly string[]): Promise<Item[]> {
    const found: Item[] = [];
    let keys: unknown[] = ids.map((id) => ({ id: { S: id } }));
    const { budgetMs } = this.client;
    // A large batch comes in several responses. Each one with rows extends the time limit, up to three times the
    // budget.
    const latest = performance.now() + 3 * budgetMs;
    let deadline = performance.now() + budgetMs;
    for (let fruitless = 0; ;) {
      const answer = (await this.#call(
        'BatchGetItem',
        { RequestItems: { [this.table]: { Keys: keys, ConsistentRead: true } } },
        deadline,
      )) as { Responses?: Record<string, Item[]>; UnprocessedKeys?: Record<string, { Keys?: unknown[] }> };
      const rows = answer.Responses?.[this.table] ?? [];
      for (const row of rows) found.push(row);
      keys = answer.UnprocessedKeys?.[this.table]?.Keys ?? [];
      if (keys.length === 0) return found;
      fruitless = rows.length > 0 ? 0 : fruitless + 1;
      if (rows.length > 0) deadline = Math.min(latest, performance.now() + budgetMs);
      const pauseMs = backoffMs(fruitless);
      if (performance.now() + pauseMs >= deadline) throw unavailable('keys stayed unprocessed');
      await sleep(pauseMs);
    }
  }

  /** Rows of the index by date, modified at or after `since`; with a Limit at most that many. */
  async query(dataType: string, query: Query, since: Instant | null = null): Promise<Item[]> {
    const found: Item[] = [];
    let start = query.ExclusiveStartKey;
    do {
      const answer = (await this.#call('Query', {
        TableName: this.table,
        IndexName: DATE_INDEX,
        KeyConditionExpression: since === null ? '#type = :type' : '#type = :type AND #date >= :since',
        ...query,
        ExpressionAttributeNames: {
          ...query.ExpressionAttributeNames,
          '#type': 'data_type',
          ...(since !== null && { '#date': 'modified_date' }),
        },
        ExpressionAttributeValues: { ':type': { S: dataType }, ...(since !== null && { ':since': { S: since } }) },
        ...(query.Limit !== undefined && { Limit: query.Limit - found.length }),
        ...(start && { ExclusiveStartKey: start }),
      })) as { Items?: Item[]; LastEvaluatedKey?: Item };
      for (const item of answer.Items ?? []) found.push(item);
      start = answer.LastEvaluatedKey;
    } while (start !== undefined && (query.Limit === undefined || found.length < query.Limit));
    return found;
  }
}

/** A query that reads these attributes only. */
export function projection(attributes: readonly string[]): Query {
  return {
    ProjectionExpression: attributes.map((name) => `#${name}`).join(),
    ExpressionAttributeNames: Object.fromEntries(attributes.map((name) => [`#${name}`, name])),
  };
}

/** Whether a row can have this id: DynamoDB refuses keys that are empty or too long. */
function isPossibleKey(id: string): boolean {
  return id !== '' && (id.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(id) <= MAX_KEY_BYTES);
}

function unavailable(reason: string): BackendUnavailable {
  return new BackendUnavailable(BACKEND, { cause: new Error(reason) });
}
