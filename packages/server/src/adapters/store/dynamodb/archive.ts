import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instant } from '../../../domain/instant.js';
import { isPlainObject } from '../../../domain/plain-object.js';
import { type Archive, DamagedRow, type RestoreOutcome } from '../../../ports/store.js';
import { BackendUnavailable } from '../../../ports/unavailable.js';
import { type AwsJsonClient, AwsRefusal, backoffMs } from '../../aws/json-client.js';
import { asUnavailable, BACKEND, DATE_INDEX, dynamoClient, type DynamoOptions } from './client.js';
import { type Item, recordOf } from './items.js';
import { nameRow } from './put-revision.js';
import { everyRevisionId, isReserved } from '../rows.js';

/** BatchGetItem's and BatchWriteItem's own limits. */
const READ_BATCH = 100;
const WRITE_BATCH = 25;
/** Answers in a row that bring nothing, before DynamoDB counts as unavailable. */
const MAX_FRUITLESS = 8;
const CREDENTIAL = 'credential';
const REVISION = 'archive-credential';

/**
 * Archived credentials in a table of their own, DYNAMODB_TABLE_ARCHIVE: the live table's rows as they are, plus
 * `archive_date`. compat: servers of the original read and write the same table.
 */
export function openDynamoArchive(options: DynamoOptions & { archiveTable: string }): Archive {
  return new DynamoArchive(dynamoClient(options), options.table, options.archiveTable);
}

class DynamoArchive implements Archive {
  constructor(
    private readonly client: AwsJsonClient,
    private readonly live: string,
    private readonly archive: string,
  ) {}

  async mappings(): Promise<Map<string, string[]>> {
    const mapped = new Map<string, string[]>();
    // Which services there are is told by the index, which may lag; what they map by the rows, which do not.
    for (const item of await this.#read(this.live, await this.#idsByDate(this.live, 'service'))) {
      if (item['data_type']?.S !== 'service') continue;
      const service = recordOf('service', item);
      for (const id of service.credentials) mapped.set(id, [...(mapped.get(id) ?? []), service.id].sort());
    }
    return mapped;
  }

  async move(id: string, revision: number, date: Instant): Promise<'ok' | 'conflict'> {
    if (isReserved(id)) return 'conflict';
    const [current] = await this.#read(this.live, [id]);
    if (current === undefined || !isCredential(current) || revisionOf(current) !== revision) return 'conflict';
    const revisions = await this.#revisions(this.live, id, revision);
    await this.#copy([current, ...revisions], date);
    if (!(await this.#deleteCurrent(current))) return 'conflict';
    await this.#deleteCopied(revisions);
    return 'ok';
  }

  async finish(id: string, date: Instant): Promise<boolean> {
    if (isReserved(id)) return false;
    const [archived] = await this.#read(this.archive, [id]);
    if (archived === undefined || !isCredential(archived)) return false;
    const left = await this.#revisions(this.live, id, revisionOf(archived));
    if (left.length === 0 || (await this.#read(this.live, [id])).length > 0) return false;
    await this.#copy(left, date);
    await this.#deleteCopied(left);
    return true;
  }

  ids(): Promise<string[]> {
    return this.#idsByDate(this.archive, CREDENTIAL);
  }

  async nameOf(id: string): Promise<string | undefined> {
    const [archived] = await this.#read(this.archive, [id]);
    return archived && isCredential(archived) ? archived['name']?.S : undefined;
  }

  async missing(id: string): Promise<string[]> {
    return (await this.#missing(id)).map(rowId);
  }

  async restore(id: string, takeFrom?: string): Promise<RestoreOutcome> {
    const missing = (await this.#missing(id)).map(({ archive_date: _date, ...item }) => item);
    for (const item of missing.filter((row) => !isCredential(row))) await this.#putAbsent(item);
    const current = missing.find(isCredential);
    return current === undefined ? { status: 'ok' } : this.#putCurrent(current, takeFrom);
  }

  close(): Promise<void> {
    this.client.close();
    return Promise.resolve();
  }

  async #missing(id: string): Promise<Item[]> {
    const [archived] = isReserved(id) ? [] : await this.#read(this.archive, [id]);
    if (archived === undefined || !isCredential(archived)) return [];
    const rows = [archived, ...(await this.#revisions(this.archive, id, revisionOf(archived)))];
    const live = new Set((await this.#read(this.live, rows.map(rowId))).map(rowId));
    return rows.filter((row) => !live.has(rowId(row)));
  }

  /** The rows of a credential's revisions, ascending. */
  async #revisions(table: string, id: string, current: number): Promise<Item[]> {
    const rows = await this.#read(table, everyRevisionId(id, current));
    return rows.filter((row) => row['data_type']?.S === REVISION).sort((a, b) => revisionOf(a) - revisionOf(b));
  }

  /** Writes the copies, then reads them back: resolves only when each is what the live row is. */
  async #copy(rows: readonly Item[], date: Instant): Promise<void> {
    const copies = rows.map((row) => ({ ...row, archive_date: { S: date } }));
    for (let at = 0; at < copies.length; at += WRITE_BATCH) await this.#write(copies.slice(at, at + WRITE_BATCH));
    const found = new Map((await this.#read(this.archive, rows.map(rowId))).map((row) => [rowId(row), row]));
    for (const row of rows) {
      const { archive_date: _date, ...copy } = found.get(rowId(row)) ?? {};
      if (canonical(copy) !== canonical(row)) {
        throw new DamagedRow(rowId(row), 'its copy in the archive is not the same');
      }
    }
  }

  async #write(items: readonly Item[]): Promise<void> {
    let requests: unknown[] = items.map((item) => ({ PutRequest: { Item: item } }));
    for (let fruitless = 0; ;) {
      const answer = (await this.#call('BatchWriteItem', { RequestItems: { [this.archive]: requests } })) as {
        UnprocessedItems?: Record<string, unknown[]>;
      };
      const left = answer.UnprocessedItems?.[this.archive] ?? [];
      if (left.length === 0) return;
      fruitless = left.length < requests.length ? 0 : fruitless + 1;
      requests = left;
      await this.#pause(fruitless);
    }
  }

  /** The rows under these ids as they are now, in no order. */
  async #read(table: string, ids: readonly string[]): Promise<Item[]> {
    const found: Item[] = [];
    for (let at = 0; at < ids.length; at += READ_BATCH) {
      let keys: unknown[] = ids.slice(at, at + READ_BATCH).map((id) => ({ id: { S: id } }));
      for (let fruitless = 0; keys.length > 0;) {
        const answer = (await this.#call('BatchGetItem', {
          RequestItems: { [table]: { Keys: keys, ConsistentRead: true } },
        })) as { Responses?: Record<string, Item[]>; UnprocessedKeys?: Record<string, { Keys?: unknown[] }> };
        const rows = answer.Responses?.[table] ?? [];
        found.push(...rows);
        keys = answer.UnprocessedKeys?.[table]?.Keys ?? [];
        fruitless = rows.length > 0 ? 0 : fruitless + 1;
        if (keys.length > 0) await this.#pause(fruitless);
      }
    }
    return found;
  }

  async #pause(fruitless: number): Promise<void> {
    if (fruitless > MAX_FRUITLESS) {
      throw new BackendUnavailable(BACKEND, { cause: new Error('a batch stayed unprocessed') });
    }
    await sleep(backoffMs(fruitless + 1));
  }

  async #idsByDate(table: string, dataType: string): Promise<string[]> {
    const found: string[] = [];
    let start: Item | undefined;
    do {
      const answer = (await this.#call('Query', {
        TableName: table,
        IndexName: DATE_INDEX,
        KeyConditionExpression: '#type = :type',
        ProjectionExpression: 'id',
        ExpressionAttributeNames: { '#type': 'data_type' },
        ExpressionAttributeValues: { ':type': { S: dataType } },
        ...(start && { ExclusiveStartKey: start }),
      })) as { Items?: Item[]; LastEvaluatedKey?: Item };
      found.push(...(answer.Items ?? []).map(rowId));
      start = answer.LastEvaluatedKey;
    } while (start !== undefined);
    return found;
  }

  /** The point of no return. False when the row is not what was copied any more. */
  async #deleteCurrent(current: Item): Promise<boolean> {
    const name = current['name']?.S;
    const Delete = { TableName: this.live, Key: { id: current['id'] }, ...isStill(current) };
    const release = name !== undefined && {
      Delete: {
        TableName: this.live,
        Key: { id: { S: nameRow(CREDENTIAL, name) } },
        ConditionExpression: 'attribute_not_exists(id) OR #holder = :id',
        ExpressionAttributeNames: { '#holder': 'holder' },
        ExpressionAttributeValues: { ':id': current['id'] },
      },
    };
    if (release) {
      const failed = await this.#transact([{ Delete }, release]);
      if (failed === undefined) return true;
      // Its name is another's by now: there is none to give up.
      if (failed !== 1) return false;
    }
    return (await this.#transact([{ Delete }])) === undefined;
  }

  async #deleteCopied(rows: readonly Item[]): Promise<void> {
    for (const row of rows) {
      try {
        await this.client.call('DeleteItem', { TableName: this.live, Key: { id: row['id'] }, ...isStill(row) });
      } catch (error) {
        if (!(error instanceof AwsRefusal && error.code === 'ConditionalCheckFailedException')) {
          throw asUnavailable(error);
        }
        // An attempt whose answer was lost, or another server at the same work.
        const [left] = await this.#read(this.live, [rowId(row)]);
        if (left !== undefined) throw new DamagedRow(rowId(row), 'it changed while it was archived');
      }
    }
  }

  async #putAbsent(item: Item): Promise<void> {
    const condition = { ConditionExpression: 'attribute_not_exists(id)' };
    try {
      await this.client.call('PutItem', { TableName: this.live, Item: item, ...condition });
    } catch (error) {
      if (error instanceof AwsRefusal && error.code === 'ConditionalCheckFailedException') return;
      throw asUnavailable(error);
    }
  }

  async #putCurrent(item: Item, takeFrom: string | undefined): Promise<RestoreOutcome> {
    const Put = { TableName: this.live, Item: item, ConditionExpression: 'attribute_not_exists(id)' };
    const name = nameRow(CREDENTIAL, item['name']?.S ?? '');
    const claim = {
      TableName: this.live,
      Item: { id: { S: name }, data_type: { S: 'name' }, holder: item['id'] },
      ConditionExpression:
        'attribute_not_exists(#holder) OR #holder = :id' + (takeFrom === undefined ? '' : ' OR #holder = :from'),
      ExpressionAttributeNames: { '#holder': 'holder' },
      ExpressionAttributeValues: { ':id': item['id'], ...(takeFrom !== undefined && { ':from': { S: takeFrom } }) },
    };
    const failed = await this.#transact([{ Put }, { Put: claim }]);
    if (failed !== 1) return { status: 'ok' };
    const [holder] = await this.#read(this.live, [name]);
    return { status: 'name-taken', holder: holder?.['holder']?.S ?? '' };
  }

  /** Undefined when all of it was done; otherwise the first part whose condition failed. */
  async #transact(parts: readonly object[]): Promise<number | undefined> {
    // One token for all attempts: one that was applied, its answer lost, is not applied twice.
    const input = { ClientRequestToken: randomUUID(), TransactItems: parts };
    for (let contended = 0; ;) {
      try {
        await this.client.call('TransactWriteItems', input);
        return undefined;
      } catch (error) {
        if (!(error instanceof AwsRefusal) || error.code !== 'TransactionCanceledException') throw asUnavailable(error);
        const reasons = (error.answer['CancellationReasons'] ?? []) as { Code?: string }[];
        const failed = reasons.findIndex(({ Code }) => Code === 'ConditionalCheckFailed');
        if (failed >= 0) return failed;
        if (!reasons.some(({ Code }) => Code === 'TransactionConflict')) throw asUnavailable(error);
      }
      contended += 1;
      await this.#pause(contended);
    }
  }

  async #call(operation: string, input: object): Promise<unknown> {
    try {
      return await this.client.call(operation, input);
    } catch (error) {
      throw asUnavailable(error);
    }
  }
}

function rowId(item: Item): string {
  return item['id']?.S ?? '';
}

function isCredential(item: Item): boolean {
  return item['data_type']?.S === CREDENTIAL;
}

function revisionOf(item: Item): number {
  const revision = Number(item['revision']?.N);
  if (Number.isSafeInteger(revision) && revision >= 1) return revision;
  throw new DamagedRow(rowId(item), 'it has no revision');
}

/** Every attribute is as it was read, and no date of decryption was added. */
function isStill(item: Item): object {
  const names = Object.keys(item).filter((name) => name !== 'id');
  const conditions = names.map((_name, index) => `#a${index} = :a${index}`);
  if (item['last_decrypted_date'] === undefined) conditions.push('attribute_not_exists(last_decrypted_date)');
  return {
    ConditionExpression: conditions.join(' AND '),
    ExpressionAttributeNames: Object.fromEntries(names.map((name, index) => [`#a${index}`, name])),
    ExpressionAttributeValues: Object.fromEntries(names.map((name, index) => [`:a${index}`, item[name]])),
  };
}

/** Equal for equal rows: attributes and sets have no order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isPlainObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(([name, child]): [string, string] => {
    const isSet = /^(SS|NS|BS)$/.test(name) && Array.isArray(child);
    return [name, canonical(isSet ? [...(child as string[])].sort() : child)];
  });
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
    .join()}}`;
}
