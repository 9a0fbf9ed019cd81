import type { JsonObject } from '@confidant/contract';
import type { Instant } from '../../domain/instant.js';
import type {
  BlindCredential,
  Credential,
  CredentialMetadata,
  Kind,
  Listed,
  Records,
  SealedPairs,
  Service,
} from '../../domain/records.js';
import { DamagedRow } from '../../ports/store.js';
import { readInstant } from './rows.js';

/**
 * The fields of one stored row, by the names of the DynamoDB table. A field that is absent is null or empty. Every
 * method throws {@link DamagedRow} for a field of another type than it reads.
 */
export interface RowFields {
  /** The row's own id, of an archived revision with its number; null when the row has none. */
  readonly rowId: string | null;
  readonly isArchived: boolean;
  text(field: string): string | null;
  number(field: string): number | null;
  /** An absent flag is true. */
  flag(field: string): boolean;
  textList(field: string): string[];
  /** Sorted and without duplicates. */
  textSet(field: string): string[];
  textMap(field: string): Record<string, string>;
  json(field: string): JsonObject;
  sealedPairs(): SealedPairs;
}

/** The record in a row of this kind. Throws {@link DamagedRow} when the row is not what its kind must be. */
export function decodeRecord<K extends Kind>(kind: K, row: RowFields): Records[K] {
  return DECODE[kind](row);
}

/** Decodes like {@link decodeRecord}, but without the ciphertext of a credential, which the row need not contain. */
export function decodeListed<K extends Kind>(kind: K, row: RowFields): Listed[K] {
  // TypeScript cannot follow that the metadata of a credential is its listed form, and other records their own.
  return (kind === 'credential' ? metadataOf(row) : decodeRecord(kind, row)) as Listed[K];
}

const EPOCH = '1970-01-01T00:00:00.000000+0000' as Instant;

/** The name in a row, for the changed names of a store. Throws {@link DamagedRow} when it has none. */
export function changedNameOf(
  id: string | null,
  name: string | null,
  modifiedDate: string | null,
): { id: string; name: string; modifiedDate: Instant } {
  if (id === null || name === null) return damaged({ rowId: id }, 'it has no name');
  // A date that cannot be read counts as the oldest possible, because the name is taken in any case.
  return { id, name, modifiedDate: readInstant(modifiedDate) ?? EPOCH };
}

/** Throws {@link DamagedRow} for this row. */
export function damaged({ rowId }: Pick<RowFields, 'rowId'>, problem: string, options?: ErrorOptions): never {
  throw new DamagedRow(rowId ?? '(without id)', problem, options);
}

// Every decoder lists every field: building a record from a shared part with `...` takes five times as long as all the
// rest of its decoding, and a service fetch decodes each of its credentials.
const DECODE: { [K in Kind]: (row: RowFields) => Records[K] } = {
  credential(row): Credential {
    const credential: CredentialMetadata & { sealed?: SealedPairs } = metadataOf(row);
    credential.sealed = row.sealedPairs();
    return credential as Credential;
  },
  'blind-credential': (row): BlindCredential => ({
    id: idOf(row),
    revision: revisionOf(row),
    enabled: row.flag('enabled'),
    modifiedBy: row.text('modified_by'),
    modifiedDate: readInstant(row.text('modified_date')),
    name: nameOf(row),
    credentialPairs: row.textMap('credential_pairs'),
    dataKey: row.textMap('data_key'),
    credentialKeys: row.textSet('credential_keys'),
    cipherType: row.text('cipher_type'),
    cipherVersion: row.number('cipher_version'),
    metadata: row.json('metadata'),
    documentation: row.text('documentation'),
  }),
  service: (row): Service => ({
    id: idOf(row),
    revision: revisionOf(row),
    enabled: row.flag('enabled'),
    modifiedBy: row.text('modified_by'),
    modifiedDate: readInstant(row.text('modified_date')),
    credentials: row.textSet('credentials'),
    blindCredentials: row.textSet('blind_credentials'),
    account: row.text('account'),
  }),
};

function metadataOf(row: RowFields): CredentialMetadata {
  return {
    id: idOf(row),
    revision: revisionOf(row),
    enabled: row.flag('enabled'),
    modifiedBy: row.text('modified_by'),
    modifiedDate: readInstant(row.text('modified_date')),
    name: nameOf(row),
    tags: row.textList('tags'),
    metadata: row.json('metadata'),
    documentation: row.text('documentation'),
    lastRotationDate: readInstant(row.text('last_rotation_date')),
    lastDecryptedDate: readInstant(row.text('last_decrypted_date')),
  };
}

/** The id without revision. */
function idOf(row: RowFields): string {
  const rowId = row.rowId ?? damaged(row, 'it has no id');
  if (!row.isArchived) return rowId;
  const suffix = `-${revisionOf(row)}`;
  return rowId.endsWith(suffix) ? rowId.slice(0, -suffix.length) : damaged(row, 'its id and its revision disagree');
}

function revisionOf(row: RowFields): number {
  const revision = row.number('revision');
  return revision !== null && Number.isSafeInteger(revision) && revision > 0
    ? revision
    : damaged(row, 'it has no revision');
}

function nameOf(row: RowFields): string {
  return row.text('name') ?? damaged(row, 'it has no name');
}
