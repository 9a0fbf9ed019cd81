import { setTimeout as sleep } from 'node:timers/promises';
import type { Instant } from '../../../domain/instant.js';
import { type AwsJsonClient, backoffMs } from '../../aws/json-client.js';
import { asUnavailable, DATE_INDEX, unusable } from './client.js';
import type { Item } from './items.js';

/** BatchGetItem's own limit. */
export const BATCH_SIZE = 100;
const BATCHES_AT_ONCE = 4;
const MAX_KEY_BYTES = 2048;
/** Number of consecutive pages of a list without a new row after which the list counts as endless. */
const MAX_FRUITLESS_PAGES = 8;
/** Time for a whole list: the index of a large table has many pages, but no client waits longer. */
const MAX_QUERY_MS = 5 * 60_000;

/** The parts of a query of the index by date besides data_type and earliest date. */
export interface Query {
  Limit?: number;
  ScanIndexForward?: boolean;
  ExclusiveStartKey?: Item;
  ProjectionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
}

/** Reads rows of one table. Every method rejects with BackendUnavailable when there is no response in time. */
export class TableReads {
  constructor(
    private readonly client: AwsJsonClient,
    private readonly table: string,
  ) {}

  async #call(operation: string, input: object, deadline?: number): Promise<Record<string, unknown>> {
    try {
      return await this.client.call(operation, input, deadline);
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  /** The row under this id as it is now. */
  async item(id: string): Promise<Item | undefined> {
    if (!isPossibleKey(id)) return undefined;
    const input = { TableName: this.table, Key: { id: { S: id } }, ConsistentRead: true };
    const item = (await this.#call('GetItem', input))['Item'] as Item | undefined;
    if (item !== undefined && item['id']?.S !== id) throw unusable('DynamoDB answered with another row');
    return item;
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
    let keys: Item[] = ids.map((id) => ({ id: { S: id } }));
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
      )) as BatchAnswer;
      const rows = rowsOf(answer, this.table, keys);
      for (const row of rows) found.push(row);
      keys = answer.UnprocessedKeys?.[this.table]?.Keys ?? [];
      if (keys.length === 0) return found;
      fruitless = rows.length > 0 ? 0 : fruitless + 1;
      if (rows.length > 0) deadline = Math.min(latest, performance.now() + budgetMs);
      const pauseMs = backoffMs(fruitless);
      if (performance.now() + pauseMs >= deadline) throw unusable('keys stayed unprocessed');
      await sleep(pauseMs);
    }
  }

  /** Rows of the index by date, modified at or after `since`; with a Limit at most that many. */
  async query(dataType: string, query: Query, since: Instant | null = null): Promise<Item[]> {
    const found: Item[] = [];
    const ids = new Set<string | undefined>();
    const deadline = performance.now() + MAX_QUERY_MS;
    let fruitless = 0;
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
      const before = ids.size;
      for (const item of answer.Items ?? []) {
        found.push(item);
        ids.add(item['id']?.S);
      }
      start = answer.LastEvaluatedKey;
      fruitless = ids.size > before ? 0 : fruitless + 1;
      if (start !== undefined && (fruitless > MAX_FRUITLESS_PAGES || performance.now() > deadline)) {
        throw unusable('a list does not end');
      }
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

/** A response to BatchGetItem whose shape was checked. */
export interface BatchAnswer {
  Responses?: Record<string, Item[]>;
  UnprocessedKeys?: Record<string, { Keys?: Item[] }>;
}

/**
 * The rows in a response to BatchGetItem. Throws BackendUnavailable when it has rows or unprocessed keys that
 * were not asked for, or says nothing about the table: a row would count as absent.
 */
export function rowsOf({ Responses, UnprocessedKeys }: BatchAnswer, table: string, keys: readonly Item[]): Item[] {
  const rows = Responses?.[table];
  const left = UnprocessedKeys?.[table]?.Keys ?? [];
  if (rows === undefined && left.length < keys.length) throw unusable('DynamoDB did not answer for the table');
  const asked = new Set(keys.map((key) => key['id']?.S));
  for (const { id } of [...(rows ?? []), ...left]) {
    if (!asked.has(id?.S)) throw unusable('DynamoDB answered with other rows');
  }
  return rows ?? [];
}
