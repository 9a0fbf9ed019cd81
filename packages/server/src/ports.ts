import type { GrantShape } from './domain/grants.js';
import type { Instant } from './domain/instant.js';
import type { Pairs } from './domain/pairs.js';
import type { Person } from './domain/person.js';
import type { Kind, Listed, Records, SealedPairs, Service } from './domain/records.js';

/** A page boundary: the last row of the page before, in the order of the index by date. */
export interface PageKey {
  /** The id of the row itself: of an archived revision `<id>-<N>`. */
  id: string;
  modifiedDate: Instant;
}

/** What a row under an id turned out to be. */
export type Found<K extends Kind> = Records[K] | 'absent' | 'other-kind';

/** A service that was read, and the way to what it maps. */
export interface ServiceRead {
  service: Found<'service'>;
  /** The current rows of what the service maps, as {@link Store.getMany} gives them; none where there is no service. */
  mapped<K extends 'credential' | 'blind-credential'>(kind: K): Promise<Map<string, Records[K]>>;
}

/** A revision to write. */
export interface RevisionWrite<K extends Kind> {
  kind: K;
  next: Records[K];
  /** The revision that was read as current; null when nothing was there. */
  expected: number | null;
  /**
   * The last_decrypted_date that was read with it; left out: any. A decryption recorded since is a conflict: the date
   * is part of the row, and the write would lose it (bug 14).
   */
  decrypted?: Instant | null;
  /**
   * Only for credentials and blind credentials, when the name is new or changes. `claim` must be free or this id's;
   * `release` (the name before) is given up when this id holds it. `takeFrom` names a holder that was seen not to
   * carry the name any more (a server of the original renamed or archived it): its claim may be replaced.
   */
  name?: { claim: string; release?: string; takeFrom?: string };
}

/** When several of these hold, the first in this order is told. */
export type WriteOutcome =
  | { status: 'ok' }
  /** The current row is not the expected one (another revision, another kind, gone, or already there). */
  | { status: 'conflict' }
  /** The row of this revision exists already: take a later number. */
  | { status: 'revision-exists' }
  /** Another id of the same kind holds the name. */
  | { status: 'name-taken'; holder: string };

/**
 * Rows of credentials, blind credentials and services. Reads of single rows are strongly consistent; lists and
 * changes may lag by the time an index needs to follow. Every method rejects with {@link BackendUnavailable} when
 * the store does not answer within its time-outs, never with a wrong "absent".
 *
 * A row that cannot be understood: reads by id reject with {@link DamagedRow}, since leaving it out would say "absent";
 * lists, histories and changes leave it out and report it to the callback the store was opened with. A date in a form
 * that cannot be read is null, and no damage.
 *
 * Sets (`credentials`, `blindCredentials`, `credentialKeys`) come sorted and without doubles, whatever was written.
 */
export interface Store {
  /** The current row of `id`; `other-kind` when the id belongs to anything else, archived revisions included. */
  get<K extends Kind>(kind: K, id: string): Promise<Found<K>>;
  /**
   * The same for a service whose credentials are wanted next: a store may read them along with it, if it knows from
   * before which they are. What `mapped` gives is always what the service maps by the row that was read.
   */
  openService(id: string): Promise<ServiceRead>;
  /** One archived revision; undefined when there is none of that kind. Its `id` is without the revision. */
  getRevision<K extends Kind>(kind: K, id: string, revision: number): Promise<Records[K] | undefined>;
  /** The archived revisions among 1..`upTo` that exist, ascending; of more than 10 000 numbers the last 10 000. */
  getRevisions<K extends Kind>(kind: K, id: string, upTo: number): Promise<Records[K][]>;
  /** Current rows by id, any number of ids, repeated ones too; absent ids and other kinds are left out. */
  getMany<K extends Kind>(kind: K, ids: readonly string[]): Promise<Map<string, Records[K]>>;
  /**
   * Writes the current row and the archive row of one revision in one transaction: the archive row only if absent,
   * the current row only if it is the expected one. Of several racers with the same expectation exactly one gets
   * `ok`; of several racers that claim one name exactly one does. Nothing is written unless `ok`; only after a
   * rejection with {@link BackendUnavailable} it is unknown whether the revision was written, as a whole or not at all.
   * Rejects with {@link RowTooLarge} when the store has no room for a row of that size.
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
  /** Current services modified at or after `since`; null: all. */
  changedServices(since: Instant | null): Promise<Service[]>;
  /** Names of current rows modified at or after `since`; null: all. */
  changedNames(
    kind: 'credential' | 'blind-credential',
    since: Instant | null,
  ): Promise<{ id: string; name: string; modifiedDate: Instant }[]>;
  /**
   * Sets last_decrypted_date alone, on the current row and its archive row, only while the current revision is
   * `revision`; false when it is not any more.
   */
  setLastDecrypted(id: string, revision: number, date: Instant): Promise<boolean>;
  /** Resolves when the store answers; for health checks. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What became of a credential that was to be restored. */
export type RestoreOutcome =
  | { status: 'ok' }
  /** Another credential holds its name. */
  | { status: 'name-taken'; holder: string };

/**
 * Where credentials go that are archived for good: current row and all revisions, byte for byte, and back. Methods
 * reject with {@link BackendUnavailable}, and with {@link DamagedRow} rather than leave a row out.
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

/** A backend gave no usable answer in time. `backend` is a word for the log, for example `dynamodb`. */
export class BackendUnavailable extends Error {
  override readonly name = 'BackendUnavailable';
  constructor(
    readonly backend: string,
    options?: ErrorOptions,
  ) {
    super(`${backend} is unavailable`, options);
  }
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

/** A stored row lacks what its kind must have, or holds it in a form nobody writes. `id` is the row's own. */
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

/**
 * Seals and opens the pairs of a credential. `id` is the credential's id without revision: it is bound to the
 * ciphertext, so pairs moved to another credential do not open.
 */
export interface Sealer {
  seal(id: string, pairs: Pairs): Promise<SealedPairs>;
  /** Rejects with {@link BackendUnavailable} when KMS is out of reach, with {@link Unreadable} when it says no. */
  open(id: string, sealed: SealedPairs): Promise<Pairs>;
}

/** A stored credential can not be decrypted: wrong key, damaged or moved ciphertext. Names no value. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

/**
 * Short texts that disappear by themselves: sessions, sessions that were ended, assertions that were used. Every method
 * rejects with {@link BackendUnavailable} when it gets no answer in time, never with a wrong "absent".
 */
export interface ExpiringStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlSeconds: number): Promise<void>;
  /** Sets what is absent. Of several racers exactly one gets true. */
  add(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  /** Sets what is there; false when it is not any more. */
  replace(key: string, value: string, ttlSeconds: number): Promise<boolean>;
  delete(key: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * An OpenID provider. Methods reject with {@link BackendUnavailable} when it is out of reach, and with a Refusal
 * `login_failed` when what came back does not prove who logged in; its cause is for the log.
 */
export interface OpenIdProvider {
  /** Where to send the browser; `flow` must come back, unseen and unchanged, with the answer. */
  begin(redirectUri: string): Promise<{ location: string; flow: OpenIdFlow }>;
  /** @param callback the redirect URI with the provider's answer in its query */
  finish(callback: URL, flow: OpenIdFlow): Promise<Person>;
}

/** One login at an OpenID provider, between its beginning and its end. */
export interface OpenIdFlow {
  state: string;
  nonce: string;
  codeVerifier: string;
}

/** Who logged in at a SAML identity provider, in its words. */
export interface SamlSubject {
  nameId: string;
  nameIdFormat: string | null;
  sessionIndex: string | null;
}

/** A SAML identity provider. Methods reject with a Refusal `login_failed` for messages that prove nothing. */
export interface SamlProvider {
  /** Where to send the browser; the answer must name `requestId`. */
  begin(): Promise<{ location: string; requestId: string }>;
  /**
   * Checks a response. `requestId` is the login that this browser began, undefined for none: then only a login that
   * the provider started is accepted, if those are allowed at all.
   */
  consume(response: string, requestId: string | undefined): Promise<SamlLogin>;
  /** Where to send the browser so that the provider ends its session too; undefined when it has no such address. */
  beginLogout(subject: SamlSubject): Promise<{ location: string; requestId: string } | undefined>;
  /** Checks a message of single logout, as it came in the query of the redirect. */
  receiveLogout(query: string): Promise<SamlLogout>;
  /** This server's side, for the provider's administrator. XML. */
  metadata(): string;
}

/** A proven login. The assertion must not be accepted again before it expires. */
export interface SamlLogin {
  person: Person;
  subject: SamlSubject;
  assertionId: string;
  /** Seconds since 1970. */
  expiresAt: number;
}

export type SamlLogout =
  | { kind: 'answer'; inResponseTo: string | null }
  | {
      kind: 'request';
      id: string;
      nameId: string;
      sessionIndex: string | null;
      /** Whether the provider's signature was on it. */
      signed: boolean;
      /** Where to send the browser with our answer; undefined when the provider has no such address. */
      answer: string | undefined;
    };

/** The IAM roles that services are named after, and that grants are made to. */
export interface Roles {
  /** All names, sorted. Rejects with {@link BackendUnavailable} while no complete list is known, never with a part. */
  list(): Promise<string[]>;
  /** Undefined: there is no such role. Rejects with {@link BackendUnavailable} when that cannot be told. */
  arnOf(name: string): Promise<string | undefined>;
  close(): void;
}

/** A grant on the key of services. */
export interface AuthGrant extends GrantShape {
  id: string;
  /** ARN of the role it is made to. */
  principal: string;
}

/** Grants on the key of services. Methods reject with {@link BackendUnavailable} and {@link GrantRefused}. */
export interface AuthKeyGrants {
  list(): Promise<AuthGrant[]>;
  listOf(principal: string): Promise<AuthGrant[]>;
  create(grant: Omit<AuthGrant, 'id'>): Promise<void>;
  /** Resolves too when the grant is gone already. */
  revoke(id: string): Promise<void>;
}

/** KMS answered and would not. `code` is KMS's error name. */
export class GrantRefused extends Error {
  override readonly name = 'GrantRefused';
  constructor(
    readonly code: string,
    options?: ErrorOptions,
  ) {
    super(`KMS refused (${code})`, options);
  }
}

/** Time, in one place so that it can be chosen. Instants never repeat within a process. */
export interface Clock {
  now(): Instant;
}

/** A line of the audit log: who did what to what, and how it ended. Never holds a value. */
export interface AuditEntry {
  principal: { name: string; type: string; authenticatedBy: string; account: string | null };
  action: string;
  resourceType: string;
  resourceId?: string;
  revision?: number;
  outcome: 'ok' | 'denied' | 'failed';
  /** An error code, when the outcome is not `ok`. */
  reason?: string;
  /** Ids of the credentials whose values were given out, for a service. */
  credentials?: readonly string[];
  /** For certificates: who signed, what else it names, and how to find it. */
  certificate?: { ca: string; alternativeNames: readonly string[]; validityDays: number; serialNumber?: string };
  /** For JWTs: where the token counts, and the key that signed it. */
  jwt?: { environment: string; kid?: string };
  requestId?: string;
}

export type Audit = (entry: AuditEntry) => void;

/** Something changed, for webhooks and graphite. Ids and names only. */
export type ChangeEvent =
  | { type: 'service'; service: Service; previous: Service | null }
  | {
      type: 'credential' | 'blind-credential';
      id: string;
      name: string;
      revision: number;
      /** The services that map it. */
      services: string[];
      /** Whether an old revision was brought back; otherwise it was updated. */
      reverted?: boolean;
    };

/** Publishing never throws and never delays the caller. */
export interface Events {
  publish(event: ChangeEvent): void;
}

/** Counters and timers, under the original's statsd names. Never throws and never delays the caller. */
export interface Metrics {
  /** Nobody listens: what only measures can be left out. */
  readonly isOff?: boolean;
  count(name: string, by?: number): void;
  timing(name: string, milliseconds: number): void;
}

/** A request for a certificate, signed by its own key. */
export interface SigningRequest {
  pem: string;
  commonName: string;
  /** DNS names as they are, others with their kind in front: `ip:10.0.0.1`, `email:…`, `uri:…`. */
  alternativeNames: readonly string[];
}

/** PEM texts. */
export interface IssuedCertificate {
  certificate: string;
  /** The issuer and what stands above it. */
  chain: string;
}

/** With the key that was made for it, which is shown to the caller and nobody else. */
export interface IssuedKeyPair extends IssuedCertificate {
  key: string;
}

/** What callers are told of a CA. */
export interface CertificateAuthorityDescription {
  ca: string;
  certificate: string | null;
  chain: string | null;
  /** Null: this kind of CA has none. */
  tags: Readonly<Record<string, string>> | null;
}

/**
 * Issues certificates to names that were authorized before. Every method rejects with {@link BackendUnavailable} when
 * the CA gives no usable answer in time, and with a Refusal when it declines the request itself. A validity is in whole
 * days from now, and within `maxValidityDays`.
 */
export interface CertificateAuthority {
  readonly name: string;
  readonly maxValidityDays: number;
  describe(): Promise<CertificateAuthorityDescription>;
  issue(request: SigningRequest, validityDays: number): Promise<IssuedCertificate>;
  /** Makes the key too. Requests for the same names on the same day may be given the same key and certificate. */
  issueWithKey(commonName: string, dnsNames: readonly string[], validityDays: number): Promise<IssuedKeyPair>;
}

/** The certificate authorities of the settings, by name. */
export interface CertificateAuthorities {
  /** In the order of the settings. */
  list(): readonly CertificateAuthority[];
  get(name: string): CertificateAuthority | undefined;
  /** Checks the signature; throws a Refusal that says what is wrong with the request. */
  readRequest(pem: string): SigningRequest;
}

/** A public key as RFC 7517 writes it. */
export interface PublicKey {
  e: string;
  alg: 'RS256';
  kty: 'RSA';
  kid: string;
  n: string;
}

/** Keys that sign JWTs, by environment. */
export interface SigningKeys {
  /** The key that signs now; undefined when the environment is unknown or has none. */
  active(
    environment: string,
  ): { kid: string; sign(claims: Readonly<Record<string, unknown>>): Promise<string> } | undefined;
  /** Every key of the environment that a token may be signed with; undefined when it is unknown. */
  published(environment: string): readonly PublicKey[] | undefined;
}
