import type { Instant } from '../../../domain/instant.js';
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind } from '../../../domain/records.js';
import { type RevisionWrite, RowTooLarge, type WriteOutcome } from '../../../ports/store.js';
import { type AwsJsonClient, AwsRefusal, backoffMs } from '../../aws/json-client.js';
import { cancellationReasons, provesTransaction } from './answers.js';
import { asUnavailable, unusable } from './client.js';
import { type Attribute, itemOf } from './items.js';
import { TableReads } from './reads.js';
import { isSameRow } from './same-row.js';
import { archiveId, isReserved, NAME_ROWS } from '../rows.js';

type Part = 'archive' | 'current' | 'claim' | 'release';

/** A further attempt needs at least this long, or a quarter of the whole time if that is less. */
const MIN_ATTEMPT_MS = 250;
const THROTTLED = new Set(['ThrottlingError', 'ProvisionedThroughputExceeded', 'RequestLimitExceeded']);

const REFUSED = {
  current: { status: 'conflict' },
  archive: { status: 'revision-exists' },
  release: 'release-failed',
} as const;

/** Writes a revision as the port promises, in one transaction over the rows of the revision and of its names. */
export async function putRevision<K extends Kind>(
  client: AwsJsonClient,
  table: string,
  write: RevisionWrite<K>,
): Promise<WriteOutcome> {
  const { id } = write.next;
  if (isReserved(id)) return { status: 'conflict' };
  const parts = partsOf(table, write);
  const deadline = performance.now() + client.budgetMs;
  // All attempts share one token, so a transaction that was applied although its response was lost is not applied
  // again.
  let token = randomUUID();
  for (let attempt = 1; ; attempt++) {
    const outcome = await transact(client, { id, parts, token, deadline });
    if (outcome === 'release-failed') {
      // Another row holds the old name by now, so there is no claim to release.
      parts.delete('release');
      token = randomUUID();
    } else if (outcome === 'contended' || outcome === 'throttled') {
      // An attempt that starts too late might succeed after the caller has given up, so it is not made.
      const latest = deadline - Math.min(MIN_ATTEMPT_MS, client.budgetMs / 4);
      const pauseMs = backoffMs(attempt);
      const hasTime = performance.now() + pauseMs < latest;
      if (hasTime) await sleep(pauseMs);
      if (!hasTime || performance.now() >= latest) {
        // Other writers of the same rows won every race until the deadline, which does not say that this one was late.
        if (outcome === 'contended') return { status: 'contended' };
        throw unusable('the transaction was throttled');
      }
    } else {
      if (outcome.status === 'ok' && !outcome.isProven) await requireWritten(client, table, write);
      return outcome.status === 'ok' ? { status: 'ok' } : outcome;
    }
  }
}

/** Rejects with BackendUnavailable unless the row of the revision is there as it was to be written. */
async function requireWritten<K extends Kind>(
  client: AwsJsonClient,
  table: string,
  { kind, next }: RevisionWrite<K>,
): Promise<void> {
  const written = await new TableReads(client, table).item(archiveId(next.id, next.revision));
  // The date of a decryption may have been recorded since.
  const { last_decrypted_date: _since, ...row } = written ?? {};
  const { last_decrypted_date: _before, ...expected } = itemOf(kind, next, true);
  if (!isSameRow(row, expected)) throw unusable('DynamoDB acknowledged a transaction that it did not carry out');
}

function partsOf<K extends Kind>(
  TableName: string,
  { kind, next, expected, decrypted, name }: RevisionWrite<K>,
): Map<Part, object> {
  const id: Attribute = { S: next.id };
  const parts = new Map<Part, object>();
  parts.set('archive', {
    Put: {
      TableName,
      Item: itemOf(kind, next, true),
      ConditionExpression: 'attribute_not_exists(id)',
    },
  });
  parts.set('current', {
    Put: {
      TableName,
      Item: itemOf(kind, next, false),
      ...(expected === null
        ? { ConditionExpression: 'attribute_not_exists(id)' }
        : sameDecryption(isRevision(kind, expected), decrypted)),
    },
  });
  if (name === undefined) return parts;
  const claim = nameRow(kind, name.claim);
  parts.set('claim', {
    Put: {
      TableName,
      Item: { id: { S: claim }, data_type: { S: 'name' }, holder: id },
      ConditionExpression:
        name.takeFrom === undefined
          ? 'attribute_not_exists(#holder) OR #holder = :id'
          : 'attribute_not_exists(#holder) OR #holder = :id OR #holder = :from',
      ExpressionAttributeNames: { '#holder': 'holder' },
      ExpressionAttributeValues: { ':id': id, ...(name.takeFrom !== undefined && { ':from': { S: name.takeFrom } }) },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    },
  });
  const release = name.release === undefined ? claim : nameRow(kind, name.release);
  if (release !== claim) {
    parts.set('release', {
      Delete: {
        TableName,
        Key: { id: { S: release } },
        ConditionExpression: 'attribute_not_exists(id) OR #holder = :id',
        ExpressionAttributeNames: { '#holder': 'holder' },
        ExpressionAttributeValues: { ':id': id },
      },
    });
  }
  return parts;
}

/** Characters of a date before its offset, which some rows write as `+00:00`. */
const WITHOUT_OFFSET = 26;

/**
 * Adds the condition that no decryption was recorded since. A date in no known form was read as null and prevents no
 * write.
 */
function sameDecryption(condition: ReturnType<typeof isRevision>, decrypted: Instant | null | undefined): object {
  if (decrypted === undefined) return condition;
  const same =
    decrypted === null
      ? '(attribute_not_exists(last_decrypted_date) OR NOT begins_with(last_decrypted_date, :decrypted))'
      : 'begins_with(last_decrypted_date, :decrypted)';
  return {
    ...condition,
    ConditionExpression: `${condition.ConditionExpression} AND ${same}`,
    ExpressionAttributeValues: {
      ...condition.ExpressionAttributeValues,
      ':decrypted': { S: decrypted?.slice(0, WITHOUT_OFFSET) ?? '20' },
    },
  };
}

async function transact(
  client: AwsJsonClient,
  { id, parts, token, deadline }: { id: string; parts: ReadonlyMap<Part, object>; token: string; deadline: number },
): Promise<
  | Exclude<WriteOutcome, { status: 'ok' }>
  | { status: 'ok'; isProven: boolean }
  | 'release-failed'
  | 'contended'
  | 'throttled'
> {
  try {
    const input = {
      ClientRequestToken: token,
      TransactItems: [...parts.values()],
      ReturnConsumedCapacity: 'TOTAL',
    };
    const answer = await client.call('TransactWriteItems', input, deadline);
    return { status: 'ok', isProven: provesTransaction(answer) };
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    if (isTooLarge(error.code, error.message)) throw new RowTooLarge(id, { cause: error });
    if (error.code !== 'TransactionCanceledException') throw asUnavailable(error);
    const reasons = cancellationReasons(error.answer, parts.size);
    if (reasons === undefined) throw asUnavailable(error);
    if (reasons.some(({ Code, Message }) => isTooLarge(Code, Message))) throw new RowTooLarge(id, { cause: error });
    const order = [...parts.keys()];
    // The order in which outcomes are reported; within a part, a failed condition is known, a conflict is not.
    for (const part of ['current', 'archive', 'claim', 'release'] as const) {
      const { Code, Item: held } = reasons[order.indexOf(part)] ?? {};
      if (Code === 'ConditionalCheckFailed') {
        if (part === 'claim') return { status: 'name-taken', holder: held?.['holder']?.S ?? '' };
        return REFUSED[part];
      }
      if (Code === 'TransactionConflict') return 'contended';
      if (THROTTLED.has(Code ?? '')) return 'throttled';
    }
    throw asUnavailable(error);
  }
}

function isTooLarge(code: string | undefined, message: string | undefined): boolean {
  return code?.startsWith('Validation') === true && /item size/i.test(message ?? '');
}

/** The condition that the row is this revision of this kind. */
export function isRevision(
  dataType: string,
  revision: number,
): {
  ConditionExpression: string;
  ExpressionAttributeNames: object;
  ExpressionAttributeValues: Record<string, Attribute>;
} {
  return {
    ConditionExpression: '#type = :type AND #revision = :revision',
    ExpressionAttributeNames: { '#type': 'data_type', '#revision': 'revision' },
    ExpressionAttributeValues: { ':type': { S: dataType }, ':revision': { N: String(revision) } },
  };
}

/** The id of the row that holds a name: its digest, because names may be longer than a key and contain anything. */
export function nameRow(kind: Kind, name: string): string {
  return `${NAME_ROWS}${kind}/${createHash('sha256').update(name).digest('hex')}`;
}
