import { randomUUID } from 'node:crypto';
import type { Instant } from '../../../domain/instant.js';
import { type Archive, DamagedRow, type RestoreOutcome } from '../../../ports/store.js';
import { type AwsJsonClient, AwsRefusal } from '../../aws/json-client.js';
import { everyRevisionId, isReserved } from '../rows.js';
import { Batches } from './batches.js';
import { cancellationReasons } from './answers.js';
import { asUnavailable, dynamoClient, type DynamoOptions, unusable } from './client.js';
import { type Item, recordOf } from './items.js';
import { nameRow } from './put-revision.js';
import { projection, TableReads } from './reads.js';
import { isSameRow } from './same-row.js';

const CREDENTIAL = 'credential';
const REVISION = 'archive-credential';

/**
 * Opens the archive in a table of its own, DYNAMODB_TABLE_ARCHIVE: it holds the live table's rows as they are, plus
 * `archive_date`. compat: servers of the original read and write the same table.
 */
export function openDynamoArchive(options: DynamoOptions & { archiveTable: string }): Archive {
  return new DynamoArchive(dynamoClient(options), options.table, options.archiveTable);
}

class DynamoArchive implements Archive {
  readonly #batches: Batches;

  constructor(
    private readonly client: AwsJsonClient,
    private readonly live: string,
    private readonly archive: string,
  ) {
    this.#batches = new Batches(client);
  }

  async mappings(): Promise<Map<string, string[]>> {
    const mapped = new Map<string, string[]>();
    // The services come from the index, which may lag; what they map comes from their rows, which are always current.
    for (const item of await this.#batches.read(this.live, await this.#idsByDate(this.live, 'service'))) {
      if (item['data_type']?.S !== 'service') continue;
      const service = recordOf('service', item);
      for (const id of service.credentials) mapped.set(id, [...(mapped.get(id) ?? []), service.id].sort());
    }
    return mapped;
  }

  async move(id: string, revision: number, date: Instant): Promise<'ok' | 'conflict'> {
    if (isReserved(id)) return 'conflict';
    const [current] = await this.#batches.read(this.live, [id]);
    if (current === undefined || !isCredential(current) || revisionOf(current) !== revision) return 'conflict';
    const revisions = await this.#revisions(this.live, id, revision);
    await this.#copy([current, ...revisions], date);
    if (!(await this.#deleteCurrent(current))) return 'conflict';
    await this.#requireDeleted(current);
    await this.#deleteCopied(revisions);
    return 'ok';
  }

  async finish(id: string, date: Instant): Promise<boolean> {
    if (isReserved(id)) return false;
    const [archived] = await this.#batches.read(this.archive, [id]);
    if (archived === undefined || !isCredential(archived)) return false;
    const left = await this.#revisions(this.live, id, revisionOf(archived));
    if (left.length === 0 || (await this.#batches.read(this.live, [id])).length > 0) return false;
    await this.#copy(left, date);
    await this.#deleteCopied(left);
    return true;
  }

  ids(): Promise<string[]> {
    return this.#idsByDate(this.archive, CREDENTIAL);
  }

  async nameOf(id: string): Promise<string | undefined> {
    const [archived] = await this.#batches.read(this.archive, [id]);
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
    const [archived] = isReserved(id) ? [] : await this.#batches.read(this.archive, [id]);
    if (archived === undefined || !isCredential(archived)) return [];
    const rows = [archived, ...(await this.#revisions(this.archive, id, revisionOf(archived)))];
    const live = new Set((await this.#batches.read(this.live, rows.map(rowId))).map(rowId));
    return rows.filter((row) => !live.has(rowId(row)));
  }

  async #idsByDate(table: string, dataType: string): Promise<string[]> {
    const items = await new TableReads(this.client, table).query(dataType, projection(['id']));
    return items.map(rowId);
  }

  /** The rows of a credential's revisions, ascending. */
  async #revisions(table: string, id: string, current: number): Promise<Item[]> {
    const rows = await this.#batches.read(table, everyRevisionId(id, current));
    return rows.filter((row) => row['data_type']?.S === REVISION).sort((a, b) => revisionOf(a) - revisionOf(b));
  }

  /** Writes copies into the archive and reads them back; resolves only when each equals its live row. */
  async #copy(rows: readonly Item[], date: Instant): Promise<void> {
    const copies = rows.map((row) => ({ ...row, archive_date: { S: date } }));
    await this.#batches.write(this.archive, copies);
    const found = new Map((await this.#batches.read(this.archive, rows.map(rowId))).map((row) => [rowId(row), row]));
    for (const row of rows) {
      const { archive_date: _date, ...copy } = found.get(rowId(row)) ?? {};
      if (!isSameRow(copy, row)) {
        throw new DamagedRow(rowId(row), 'its copy in the archive is not the same');
      }
    }
  }

  /**
   * Deletes the current row; from then on the move can only be finished. Returns false when the row is no longer what
   * was copied.
   */
  async #deleteCurrent(current: Item): Promise<boolean> {
    const name = current['name']?.S;
    const Delete = { TableName: this.live, Key: { id: current['id'] }, ...isUnchanged(current) };
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
      // Another credential holds the name by now, so there is no claim to release.
      if (failed !== 1) return false;
    }
    return (await this.#transact([{ Delete }])) === undefined;
  }

  async #deleteCopied(rows: readonly Item[]): Promise<void> {
    for (const row of rows) {
      try {
        await this.client.call('DeleteItem', { TableName: this.live, Key: { id: row['id'] }, ...isUnchanged(row) });
        await this.#requireDeleted(row);
      } catch (error) {
        if (!(error instanceof AwsRefusal && error.code === 'ConditionalCheckFailedException')) {
          throw asUnavailable(error);
        }
        // Either an earlier attempt deleted it and its response was lost, or another server does the same work.
        const [left] = await this.#batches.read(this.live, [rowId(row)]);
        if (left !== undefined) throw new DamagedRow(rowId(row), 'it changed while it was archived');
      }
    }
  }

  /** Rejects with BackendUnavailable if a row is still there, whatever the answer to its deletion was. */
  async #requireDeleted(row: Item): Promise<void> {
    const [left] = await this.#batches.read(this.live, [rowId(row)]);
    if (left !== undefined && isSameRow(left, row)) throw unusable('DynamoDB acknowledged a deletion without deleting');
  }

  /** Rejects with BackendUnavailable unless a row is there, whatever the answer to its writing was. */
  async #requireWritten(item: Item): Promise<void> {
    const [written] = await this.#batches.read(this.live, [rowId(item)]);
    if (written === undefined) throw unusable('DynamoDB acknowledged a row without writing it');
  }

  async #putAbsent(item: Item): Promise<void> {
    const condition = { ConditionExpression: 'attribute_not_exists(id)' };
    try {
      await this.client.call('PutItem', { TableName: this.live, Item: item, ...condition });
      await this.#requireWritten(item);
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
    if (failed === undefined) await this.#requireWritten(item);
    if (failed !== 1) return { status: 'ok' };
    const [holder] = await this.#batches.read(this.live, [name]);
    return { status: 'name-taken', holder: holder?.['holder']?.S ?? '' };
  }

  /** Runs a transaction. Undefined when it was done; otherwise the index of the first part whose condition failed. */
  async #transact(parts: readonly object[]): Promise<number | undefined> {
    // All attempts share one token, so a transaction that was applied although its response was lost is not applied
    // again.
    const input = { ClientRequestToken: randomUUID(), TransactItems: parts };
    for (let contended = 0; ;) {
      try {
        await this.client.call('TransactWriteItems', input);
        return undefined;
      } catch (error) {
        if (!(error instanceof AwsRefusal) || error.code !== 'TransactionCanceledException') throw asUnavailable(error);
        const reasons = cancellationReasons(error.answer, parts.length);
        if (reasons === undefined) throw asUnavailable(error);
        const failed = reasons.findIndex(({ Code }) => Code === 'ConditionalCheckFailed');
        if (failed >= 0) return failed;
        if (!reasons.some(({ Code }) => Code === 'TransactionConflict')) throw asUnavailable(error);
      }
      contended += 1;
      await this.#batches.pause(contended);
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

/** The condition that every attribute is as it was read, and no date of decryption was added. */
function isUnchanged(item: Item): object {
  const names = Object.keys(item).filter((name) => name !== 'id');
  const conditions = names.map((_name, index) => `#a${index} = :a${index}`);
  if (item['last_decrypted_date'] === undefined) conditions.push('attribute_not_exists(last_decrypted_date)');
  return {
    ConditionExpression: conditions.join(' AND '),
    ExpressionAttributeNames: Object.fromEntries(names.map((name, index) => [`#a${index}`, name])),
    ExpressionAttributeValues: Object.fromEntries(names.map((name, index) => [`:a${index}`, item[name]])),
  };
}
