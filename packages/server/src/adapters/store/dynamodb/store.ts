import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Instant } from '../../../domain/instant.js';
import type { Kind, Listed, Records, Service } from '../../../domain/records.js';
import {
  DamagedRow,
  type Found,
  type PageKey,
  type RevisionWrite,
  type ServiceRead,
  type Store,
  type WriteOutcome,
} from '../../../ports/store.js';
import { BackendUnavailable } from '../../../ports/unavailable.js';
import { AwsRefusal, backoffMs, type AwsJsonClient } from '../../aws/json-client.js';
import { changedNameOf } from '../decode.js';
import { asUnavailable, BACKEND, DATE_INDEX, dynamoClient, type DynamoOptions } from './client.js';
import { type Item, LISTED_ATTRIBUTES, listedOf, recordOf } from './items.js';
import { isRevision, putRevision } from './put-revision.js';
import { archiveId, dataTypeOf, historyIds, isReserved, mappedIds, NAME_ROWS, type OnDamagedRow } from '../rows.js';

/** BatchGetItem's own limit. */
const BATCH_SIZE = 100;
const BATCHES_AT_ONCE = 4;
const MAX_KEY_BYTES = 2048;
/** About 20 MB of ids; the least recently fetched services go first. */
const MAX_REMEMBERED_IDS = 200_000;

/**
 * The rows in a DynamoDB table that servers of the original may use at the same time. Names are held by rows of a
 * data_type of their own, without modified_date and revision, so that no index lists them.
 */
export function openDynamoStore(options: DynamoOptions & { onDamagedRow?: OnDamagedRow }): Store {
  return new DynamoStore(dynamoClient(options), options.table, options.onDamagedRow ?? (() => undefined));
}

class DynamoStore implements Store {
  /** Ids that a service mapped when it was last read: a guess at what its next fetch needs, never an answer. */
  readonly #mappedBefore = new LRUCache<string, readonly string[]>({
    maxSize: MAX_REMEMBERED_IDS,
    sizeCalculation: (ids) => ids.length,
  });

  constructor(
    private readonly client: AwsJsonClient,
    private readonly table: string,
    private readonly onDamagedRow: OnDamagedRow,
  ) {}

  async get<K extends Kind>(kind: K, id: string): Promise<Found<K>> {
    return isReserved(id) ? 'other-kind' : foundAs(kind, await this.#item(id));
  }

  async openService(id: string): Promise<ServiceRead> {
    const expected = this.#mappedBefore.get(id);
    if (expected === undefined || isReserved(id)) {
      const service = await this.get('service', id);
      this.#remember(id, service);
      return { service, mapped: (kind) => this.getMany(kind, mappedIds(service, kind)) };
    }
    const asked = new Set([id, ...expected]);
    const rows = new Map((await this.#items([...asked])).map((item) => [item['id']!.S!, item]));
    const service = foundAs('service', rows.get(id));
    this.#remember(id, service);
    return {
      service,
      mapped: async (kind) => {
        const ids = mappedIds(service, kind);
        const further = ids.filter((each) => !asked.has(each));
        const found = await this.getMany(kind, further);
        for (const each of ids) {
          const item = rows.get(each);
          if (item?.['data_type']?.S === kind) found.set(each, recordOf(kind, item));
        }
        return found;
      },
    };
  }

  /** What a service maps now, for its next fetch; what fits one batch with it. */
  #remember(id: string, service: Found<'service'>): void {
    const ids = [...mappedIds(service, 'credential'), ...mappedIds(service, 'blind-credential')];
    if (ids.length === 0 || ids.length >= BATCH_SIZE) this.#mappedBefore.delete(id);
    else this.#mappedBefore.set(id, ids);
  }

  async getRevision<K extends Kind>(kind: K, id: string, revision: number): Promise<Records[K] | undefined> {
    const item = await this.#item(archiveId(id, revision));
    return item?.['data_type']?.S === dataTypeOf(kind, true) ? recordOf(kind, item) : undefined;
  }

  async getRevisions<K extends Kind>(kind: K, id: string, upTo: number): Promise<Records[K][]> {
    const items = (await this.#items(historyIds(id, upTo))).filter(
      (item) => item['data_type']?.S === dataTypeOf(kind, true),
    );
    return this.#readable(items, (item) => recordOf(kind, item)).sort((a, b) => a.revision - b.revision);
  }

  async getMany<K extends Kind>(kind: K, ids: readonly string[]): Promise<Map<string, Records[K]>> {
    const found = new Map<string, Records[K]>();
    for (const item of await this.#items(ids)) {
      if (item['data_type']?.S === kind) found.set(item['id']!.S!, recordOf(kind, item));
    }
    return found;
  }

  putRevision<K extends Kind>(write: RevisionWrite<K>): Promise<WriteOutcome> {
    return putRevision(this.client, this.table, write);
  }

  async list<K extends Kind>(
    kind: K,
    { archived, limit, after }: { archived: boolean; limit?: number; after?: PageKey },
  ): Promise<{ rows: Listed[K][]; next: PageKey | null }> {
    const dataType = dataTypeOf(kind, archived);
    const items = await this.#query(dataType, {
      ScanIndexForward: false,
      ...(kind === 'credential' && projection(LISTED_ATTRIBUTES)),
      ...(after && {
        ExclusiveStartKey: {
          id: { S: after.id },
          data_type: { S: dataType },
          modified_date: { S: after.modifiedDate },
        },
      }),
      ...(limit !== undefined && { Limit: limit + 1 }),
    });
    const page = limit === undefined ? items : items.slice(0, limit);
    const last = page.at(-1);
    return {
      rows: this.#readable(page, (item) => listedOf(kind, item)),
      next: last !== undefined && items.length > page.length ? pageKeyOf(last) : null,
    };
  }

  async changedServices(since: Instant | null): Promise<Service[]> {
    return this.#readable(await this.#changed('service', since), (item) => recordOf('service', item));
  }

  async changedNames(
    kind: 'credential' | 'blind-credential',
    since: Instant | null,
  ): Promise<{ id: string; name: string; modifiedDate: Instant }[]> {
    const items = await this.#changed(kind, since, projection(['id', 'name', 'modified_date']));
    return this.#readable(items, ({ id, name, modified_date: date }) =>
      changedNameOf(id?.S ?? null, name?.S ?? null, date?.S ?? null),
    );
  }

  async setLastDecrypted(id: string, revision: number, date: Instant): Promise<boolean> {
    const current = await this.#setDate(id, 'credential', revision, date);
    if (current) await this.#setDate(archiveId(id, revision), 'archive-credential', revision, date);
    return current;
  }

  async ping(): Promise<void> {
    // A read of a row that is never there: allowed to whoever may read at all, unlike DescribeTable.
    await this.#item(`${NAME_ROWS}ping`);
  }

  close(): Promise<void> {
    this.client.close();
    return Promise.resolve();
  }

  async #call(operation: string, input: object, deadline?: number): Promise<Record<string, unknown>> {
    try {
      return (await this.client.call(operation, input, deadline)) as Record<string, unknown>;
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async #item(id: string): Promise<Item | undefined> {
    if (!isPossibleKey(id)) return undefined;
    const input = { TableName: this.table, Key: { id: { S: id } }, ConsistentRead: true };
    return (await this.#call('GetItem', input))['Item'] as Item | undefined;
  }

  /** The rows under these ids, in no order. */
  async #items(ids: readonly string[]): Promise<Item[]> {
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
    // A large batch comes in several answers: each that brings rows earns time for the next, up to three times as much.
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

  #changed(dataType: Kind, since: Instant | null, query: Query = {}): Promise<Item[]> {
    return this.#query(dataType, query, since);
  }

  /** Rows of the index by date; with a Limit at most that many. */
  async #query(dataType: string, query: Query, since: Instant | null = null): Promise<Item[]> {
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

  /** Decodes rows, leaving out and reporting the damaged ones. */
  #readable<T>(items: Item[], decode: (item: Item) => T): T[] {
    const readable: T[] = [];
    for (const item of items) {
      try {
        readable.push(decode(item));
      } catch (error) {
        if (!(error instanceof DamagedRow)) throw error;
        this.onDamagedRow({ id: error.id, problem: error.problem });
      }
    }
    return readable;
  }

  /** compat: nothing but this attribute is written, and only while the row is the revision that was decrypted. */
  async #setDate(rowId: string, dataType: string, revision: number, date: Instant): Promise<boolean> {
    const condition = isRevision(dataType, revision);
    try {
      await this.client.call('UpdateItem', {
        TableName: this.table,
        Key: { id: { S: rowId } },
        UpdateExpression: 'SET last_decrypted_date = :date',
        ...condition,
        ExpressionAttributeValues: { ...condition.ExpressionAttributeValues, ':date': { S: date } },
      });
      return true;
    } catch (error) {
      if (error instanceof AwsRefusal && error.code === 'ConditionalCheckFailedException') return false;
      throw asUnavailable(error);
    }
  }
}

function foundAs<K extends Kind>(kind: K, item: Item | undefined): Found<K> {
  if (item === undefined) return 'absent';
  return item['data_type']?.S === kind ? recordOf(kind, item) : 'other-kind';
}

interface Query {
  Limit?: number;
  ScanIndexForward?: boolean;
  ExclusiveStartKey?: Item;
  ProjectionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
}

function projection(attributes: readonly string[]): Query {
  return {
    ProjectionExpression: attributes.map((name) => `#${name}`).join(),
    ExpressionAttributeNames: Object.fromEntries(attributes.map((name) => [`#${name}`, name])),
  };
}

/** The date as the row holds it, whatever its form: the index knows no other. */
function pageKeyOf(item: Item): PageKey {
  return { id: item['id']?.S ?? '', modifiedDate: item['modified_date']?.S as Instant };
}

/** What DynamoDB would refuse as a key is the id of nothing. */
function isPossibleKey(id: string): boolean {
  return id !== '' && (id.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(id) <= MAX_KEY_BYTES);
}

function unavailable(reason: string): BackendUnavailable {
  return new BackendUnavailable(BACKEND, { cause: new Error(reason) });
}
