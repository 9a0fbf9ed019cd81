import type { Instant } from '../domain/instant.js';
import type { Kind, Listed, Records, Service } from '../domain/records.js';

/** A page boundary: the last row of the page before, in the order of the index by date. */
export interface PageKey {
  /** The id of the row itself: of an archived revision `<id>-<N>`. */
  id: string;
  modifiedDate: Instant;
}

/** The result of a look-up by id: a record of the kind, nothing, or a row of another kind. */
export type Found<K extends Kind> = Records[K] | 'absent' | 'other-kind';

/** A service that was read, and access to the credentials that it maps. */
export interface ServiceRead {
  service: Found<'service'>;
  /**
   * The current rows of the credentials that the service maps, as {@link Store.getMany} returns them; none when there
   * is no service.
   */
  mapped<K extends 'credential' | 'blind-credential'>(kind: K): Promise<Map<string, Records[K]>>;
}

/** A revision to write. */
export interface RevisionWrite<K extends Kind> {
  kind: K;
  next: Records[K];
  /** The revision that was read as current; null when nothing was there. */
  expected: number | null;
  /**
   * The last_decrypted_date that was read with it; undefined accepts any. A decryption recorded since is a conflict:
   * the date is part of the row, and the write would lose it (bug 14).
   */
  decrypted?: Instant | null;
  /**
   * Only for credentials and blind credentials, when the name is new or changes. `claim` must be free or this id's;
   * `release` (the previous name) is released if this id holds it. `takeFrom` is a holder that was found not to have
   * the name any more (a server of the original renamed or archived it), so that its claim may be replaced.
   */
  name?: { claim: string; release?: string; takeFrom?: string };
}

/** When several of these hold, the first in this order is reported. */
export type WriteOutcome =
  | { status: 'ok' }
  /** The current row is not the expected one (another revision, another kind, gone, or already there). */
  | { status: 'conflict' }
  /** Other writers of the same rows won until the time was over. To try again at once would take as long. */
  | { status: 'contended' }
  /** The row of this revision exists already: take a later number. */
  | { status: 'revision-exists' }
  /** Another id of the same kind holds the name. */
  | { status: 'name-taken'; holder: string };

/**
 * Rows of credentials, blind credentials and services. Reads of single rows are strongly consistent; lists and changes
 * may lag by the time an index needs to follow. Every method rejects with BackendUnavailable when the store does not
 * respond within its time-outs, never with a wrong "absent".
 *
 * Reads by id reject with {@link DamagedRow} for a row that cannot be understood, since leaving it out would say
 * "absent"; lists, histories and changes leave it out and report it to the callback the store was opened with. A date
 * in a form that cannot be read is null and does not damage the row.
 *
 * Sets (`credentials`, `blindCredentials`, `credentialKeys`) come sorted and without duplicates, whatever was written.
 */
export interface Store {
  /** The current row of `id`; `other-kind` when the id belongs to anything else, archived revisions included. */
  get<K extends Kind>(kind: K, id: string): Promise<Found<K>>;
  /**
   * The same for a service whose credentials are wanted next: a store may read them along with it, if it knows from
   * before which they are. `mapped` always returns the credentials that the service maps according to the row that was
   * read.
   */
  openService(id: string): Promise<ServiceRead>;
  /** One archived revision; undefined when there is none of that kind. Its `id` is without the revision. */
  getRevision<K extends Kind>(kind: K, id: string, revision: number): Promise<Records[K] | undefined>;
  /** The archived revisions among 1..`upTo` that exist, ascending; of more than 10 000 numbers the last 10 000. */
  getRevisions<K extends Kind>(kind: K, id: string, upTo: number): Promise<Records[K][]>;
  /** Current rows by id, any number of ids, repeated ones too; absent ids and other kinds are left out. */
  getMany<K extends Kind>(kind: K, ids: readonly string[]): Promise<Map<string, Records[K]>>;
  /**
   * Writes the current row and the archive row of one revision in one transaction: the archive row only if absent, the
   * current row only if it is the expected one. When several writers race with the same expectation, exactly one gets
   * `ok`; when several claim one name, exactly one does. Nothing is written unless `ok`; only after a rejection with
   * BackendUnavailable it is unknown whether the revision was written, as a whole or not at all. Rejects with {@link
   * RowTooLarge} when the store has no room for a row of that size.
   */
  putRevision<K extends Kind>(write: RevisionWrite<K>): Promise<WriteOutcome>;
  /**
   * Newest first, current rows or archived revisions. With `limit`: at most that many after `after`, and `next`
   * when more follow. Without: all. Rows without a date are left out here and by the two methods below, as the index
   * leaves them out.
   */
  list<K extends Kind>(
    kind: K,
    options: { archived: boolean; limit?: number; after?: PageKey },
  ): Promise<{ rows: Listed[K][]; next: PageKey | null }>;
  /** Current services modified at or after `since`; all when it is null. */
  changedServices(since: Instant | null): Promise<Service[]>;
  /** Names of current rows modified at or after `since`; all when it is null. */
  changedNames(
    kind: 'credential' | 'blind-credential',
    since: Instant | null,
  ): Promise<{ id: string; name: string; modifiedDate: Instant }[]>;
  /**
   * Sets last_decrypted_date alone, on the current row and its archive row, only while the current revision is
   * `revision`; false when it no longer is.
   */
  setLastDecrypted(id: string, revision: number, date: Instant): Promise<boolean>;
  /** Resolves when the store responds; for health checks. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The outcome of restoring a credential. */
export type RestoreOutcome =
  | { status: 'ok' }
  /** Another credential holds its name. */
  | { status: 'name-taken'; holder: string };

/**
 * Takes credentials that are archived for good, the current row and all revisions byte for byte, and restores them.
 * Methods reject with BackendUnavailable, and with {@link DamagedRow} rather than leave a row out.
 */
export interface Archive {
  /** For every credential id that a service maps, the ids of these services, read from all services there are. */
  mappings(): Promise<ReadonlyMap<string, readonly string[]>>;
  /**
   * Copies every row, reads the copies back and compares, and only then deletes: the current row and the claim on its
   * name at once, only while that row is still what was copied, then the revisions. `conflict` when it changed or is
   * gone: nothing was deleted. Interrupted before the current row was deleted, the credential is as it was and can be
   * moved again; after that, {@link finish} ends it.
   */
  move(id: string, revision: number, date: Instant): Promise<'ok' | 'conflict'>;
  /** Ends a move that was interrupted after the current row was gone; false when there is nothing to end. */
  finish(id: string, date: Instant): Promise<boolean>;
  /** Ids of the credentials in the archive, by the date of their last change. */
  ids(): Promise<string[]>;
  /** The name of an archived credential; undefined when it is not in the archive. */
  nameOf(id: string): Promise<string | undefined>;
  /** Ids of its archived rows that are missing among the live ones: the current row first, then by revision. */
  missing(id: string): Promise<string[]>;
  /**
   * Puts back what is missing, revisions first; rows that exist are left, and the archive keeps its copies. `takeFrom`
   * is as in {@link RevisionWrite}.
   */
  restore(id: string, takeFrom?: string): Promise<RestoreOutcome>;
  close(): Promise<void>;
}

/** The store refuses a row of this size. DynamoDB takes 400 KB, attribute names included. */
export class RowTooLarge extends Error {
  override readonly name = 'RowTooLarge';
  constructor(
    readonly id: string,
    options?: ErrorOptions,
  ) {
    super(`the row ${id} is too large for the store`, options);
  }
}

/** A stored row lacks what its kind must have, or holds it in a form that no server writes. `id` is the row's own. */
export class DamagedRow extends Error {
  override readonly name = 'DamagedRow';
  constructor(
    readonly id: string,
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    super(`the row ${id} is damaged: ${problem}`, options);
  }
}
