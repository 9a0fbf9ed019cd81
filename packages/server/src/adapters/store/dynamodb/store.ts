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
import { type AwsJsonClient, AwsRefusal } from '../../aws/json-client.js';
import { changedNameOf } from '../decode.js';
import { asUnavailable, dynamoClient, type DynamoOptions, unusable } from './client.js';
import { type Item, LISTED_ATTRIBUTES, listedOf, recordOf } from './items.js';
import { isRevision, putRevision } from './put-revision.js';
import { BATCH_SIZE, projection, TableReads } from './reads.js';
import { archiveId, dataTypeOf, historyIds, isReserved, mappedIds, NAME_ROWS, type OnDamagedRow } from '../rows.js';

/** About 20 MB of ids; the least recently fetched services are dropped first. */
const MAX_REMEMBERED_IDS = 200_000;

/**
 * Opens the store in a DynamoDB table, which servers of the original may use at the same time. Names are held by rows
 * of a data_type of their own, without modified_date and revision, so that no index lists them.
 */
export function openDynamoStore(options: DynamoOptions & { onDamagedRow?: OnDamagedRow }): Store {
  return new DynamoStore(dynamoClient(options), options.table, options.onDamagedRow ?? (() => undefined));
}

class DynamoStore implements Store {
  readonly #reads: TableReads;
  /** The ids that services mapped when they were last read, to read them along with the service next time. */
  readonly #mappedBefore = new LRUCache<string, readonly string[]>({
    maxSize: MAX_REMEMBERED_IDS,
    sizeCalculation: (ids) => ids.length,
  });

  constructor(
    private readonly client: AwsJsonClient,
    private readonly table: string,
    private readonly onDamagedRow: OnDamagedRow,
  ) {
    this.#reads = new TableReads(client, table);
  }

  async get<K extends Kind>(kind: K, id: string): Promise<Found<K>> {
    return isReserved(id) ? 'other-kind' : foundAs(kind, await this.#reads.item(id));
  }

  async openService(id: string): Promise<ServiceRead> {
    const expected = this.#mappedBefore.get(id);
    if (expected === undefined || isReserved(id)) {
      const service = await this.get('service', id);
      this.#remember(id, service);
      return { service, mapped: (kind) => this.getMany(kind, mappedIds(service, kind)) };
    }
    const asked = new Set([id, ...expected]);
    const rows = new Map((await this.#reads.items([...asked])).map((item) => [item['id']!.S!, item]));
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

  /** Remembers what a service maps for its next fetch, if all of it fits into one batch. */
  #remember(id: string, service: Found<'service'>): void {
    const ids = [...mappedIds(service, 'credential'), ...mappedIds(service, 'blind-credential')];
    if (ids.length === 0 || ids.length >= BATCH_SIZE) this.#mappedBefore.delete(id);
    else this.#mappedBefore.set(id, ids);
  }

  async getRevision<K extends Kind>(kind: K, id: string, revision: number): Promise<Records[K] | undefined> {
    const item = await this.#reads.item(archiveId(id, revision));
    return item?.['data_type']?.S === dataTypeOf(kind, true) ? recordOf(kind, item) : undefined;
  }

  async getRevisions<K extends Kind>(kind: K, id: string, upTo: number): Promise<Records[K][]> {
    const items = (await this.#reads.items(historyIds(id, upTo))).filter(
      (item) => item['data_type']?.S === dataTypeOf(kind, true),
    );
    return this.#readable(items, (item) => recordOf(kind, item)).sort((a, b) => a.revision - b.revision);
  }

  async getMany<K extends Kind>(kind: K, ids: readonly string[]): Promise<Map<string, Records[K]>> {
    const found = new Map<string, Records[K]>();
    for (const item of await this.#reads.items(ids)) {
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
    const items = await this.#reads.query(dataType, {
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
    return this.#readable(await this.#reads.query('service', {}, since), (item) => recordOf('service', item));
  }

  async changedNames(
    kind: 'credential' | 'blind-credential',
    since: Instant | null,
  ): Promise<{ id: string; name: string; modifiedDate: Instant }[]> {
    const items = await this.#reads.query(kind, projection(['id', 'name', 'modified_date']), since);
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
    // This reads a row that never exists: unlike DescribeTable, it needs no further permission.
    await this.#reads.item(`${NAME_ROWS}ping`);
  }

  close(): Promise<void> {
    this.client.close();
    return Promise.resolve();
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
      const answer = (await this.client.call('UpdateItem', {
        TableName: this.table,
        ReturnValues: 'UPDATED_NEW',
        Key: { id: { S: rowId } },
        UpdateExpression: 'SET last_decrypted_date = :date',
        ...condition,
        ExpressionAttributeValues: { ...condition.ExpressionAttributeValues, ':date': { S: date } },
      })) as { Attributes?: Item };
      if (answer.Attributes?.['last_decrypted_date']?.S !== date) throw unusable('DynamoDB did not write a date');
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

/** The page key of a row; its date has the row's own form, which is the one in the index. */
function pageKeyOf(item: Item): PageKey {
  return { id: item['id']?.S ?? '', modifiedDate: item['modified_date']?.S as Instant };
}
