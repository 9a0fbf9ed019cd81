import { setTimeout as sleep } from 'node:timers/promises';
import { type AwsJsonClient, backoffMs } from '../../aws/json-client.js';
import { asUnavailable, unusable } from './client.js';
import type { Item } from './items.js';
import { type BatchAnswer, rowsOf } from './reads.js';

/** BatchGetItem's and BatchWriteItem's own limits. */
const READ_BATCH = 100;
const WRITE_BATCH = 25;
/** Number of consecutive responses without progress after which DynamoDB counts as unavailable. */
const MAX_FRUITLESS = 8;

/**
 * Reads and writes many rows for work that no request waits for: a batch is repeated as long as responses bring rows,
 * however long that takes. Methods reject with BackendUnavailable.
 */
export class Batches {
  constructor(private readonly client: AwsJsonClient) {}

  /** Writes rows, in place of those that are there. */
  async write(table: string, items: readonly Item[]): Promise<void> {
    for (let at = 0; at < items.length; at += WRITE_BATCH) await this.#write(table, items.slice(at, at + WRITE_BATCH));
  }

  async #write(table: string, items: readonly Item[]): Promise<void> {
    let requests: unknown[] = items.map((item) => ({ PutRequest: { Item: item } }));
    for (let fruitless = 0; ;) {
      const answer = (await this.#call('BatchWriteItem', { RequestItems: { [table]: requests } })) as {
        UnprocessedItems?: Record<string, unknown[]>;
      };
      const left = answer.UnprocessedItems?.[table] ?? [];
      if (left.length === 0) return;
      fruitless = left.length < requests.length ? 0 : fruitless + 1;
      requests = left;
      await this.pause(fruitless);
    }
  }

  /** The rows under these ids as they are now, in no order. */
  async read(table: string, ids: readonly string[]): Promise<Item[]> {
    const found: Item[] = [];
    for (let at = 0; at < ids.length; at += READ_BATCH) {
      let keys: Item[] = ids.slice(at, at + READ_BATCH).map((id) => ({ id: { S: id } }));
      for (let fruitless = 0; keys.length > 0;) {
        const answer = (await this.#call('BatchGetItem', {
          RequestItems: { [table]: { Keys: keys, ConsistentRead: true } },
        })) as BatchAnswer;
        const rows = rowsOf(answer, table, keys);
        found.push(...rows);
        keys = answer.UnprocessedKeys?.[table]?.Keys ?? [];
        fruitless = rows.length > 0 ? 0 : fruitless + 1;
        if (keys.length > 0) await this.pause(fruitless);
      }
    }
    return found;
  }

  /** Waits before a further attempt; rejects after too many in a row that brought nothing. */
  async pause(fruitless: number): Promise<void> {
    if (fruitless > MAX_FRUITLESS) {
      throw unusable('a batch stayed unprocessed');
    }
    await sleep(backoffMs(fruitless + 1));
  }

  async #call(operation: string, input: object): Promise<unknown> {
    try {
      return await this.client.call(operation, input);
    } catch (error) {
      throw asUnavailable(error);
    }
  }
}
