import { isPlainObject, type JsonObject, stringifyJson } from '@confidant/contract';
import type {
  BlindCredential,
  Credential,
  Kind,
  Listed,
  Records,
  SealedPairs,
  Service,
} from '../../../domain/records.js';
import { damaged, decodeListed, decodeRecord, type RowFields } from '../decode.js';
import { archiveId, parseObject, sortedSet } from '../rows.js';

/** The columns that a row of this store is read from. Everything beside the first two may be in any form. */
export interface StoredColumns {
  id: string;
  isArchived: boolean;
  /** JSON text of the record without the two columns below. */
  body: string;
  /** JSON text of the {@link SealedPairs}; undefined when the row was read without them. */
  sealed?: string | null;
  lastDecryptedDate: unknown;
}

/** The values of the columns revision, modified_date, name, last_decrypted_date, body and sealed. */
export type WrittenColumns = [number, string | null, string | null, string | null, string, string | null];

/**
 * The column values to write for a record. The body holds its metadata as JSON text, which keeps every digit of
 * numbers.
 */
export function columnsOf<K extends Kind>(kind: K, record: Records[K]): WrittenColumns {
  const { revision, modifiedDate } = record;
  if (kind === 'service') {
    const service = record as Service;
    const sets = {
      credentials: sortedSet(service.credentials),
      blindCredentials: sortedSet(service.blindCredentials),
    };
    return [revision, modifiedDate, null, null, JSON.stringify({ ...service, ...sets }), null];
  }
  const metadata = stringifyJson((record as Credential | BlindCredential).metadata);
  if (kind === 'blind-credential') {
    const blind = record as BlindCredential;
    const body = { ...blind, metadata, credentialKeys: sortedSet(blind.credentialKeys) };
    return [revision, modifiedDate, blind.name, null, JSON.stringify(body), null];
  }
  const { sealed, lastDecryptedDate, ...rest } = record as Credential;
  const body = JSON.stringify({ ...rest, metadata });
  return [revision, modifiedDate, rest.name, lastDecryptedDate, body, JSON.stringify(sealed)];
}

/** The record in a row of this kind. Throws DamagedRow. */
export function recordOf<K extends Kind>(kind: K, { id, isArchived, ...columns }: StoredColumns): Records[K] {
  const row = { rowId: id, isArchived };
  const body = parsedObject(row, columns.body);
  const sealed = columns.sealed == null ? {} : parsedObject(row, columns.sealed);
  return decodeRecord(kind, new BodyFields(row, body, columns.lastDecryptedDate, sealed));
}

/** The listed form of the record in a row that was read without its ciphertext. Throws DamagedRow. */
export function listedOf<K extends Kind>(
  kind: K,
  { id, isArchived, body, lastDecryptedDate }: StoredColumns,
): Listed[K] {
  const row = { rowId: id, isArchived };
  return decodeListed(kind, new BodyFields(row, parsedObject(row, body), lastDecryptedDate, {}));
}

/** Records of rows that were read as one JSON text, each as its id, body, ciphertext and last_decrypted_date. */
export function recordsIn<K extends Kind>(kind: K, isArchived: boolean, rows: readonly unknown[][]): Records[K][] {
  return rows.map(([id, body, sealed, date]) => {
    const row = { rowId: id as string, isArchived };
    return decodeRecord(kind, new BodyFields(row, requireObject(row, body), date, requireObject(row, sealed ?? {})));
  });
}

type RowPlace = Pick<RowFields, 'rowId' | 'isArchived'>;

/** Only another program can have broken a row: this store writes none that is damaged. */
function parsedObject(row: RowPlace, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return damaged(row, 'its text is not JSON', { cause: error });
  }
  return requireObject(row, value);
}

function requireObject(row: RowPlace, value: unknown): Record<string, unknown> {
  return isPlainObject(value) ? value : damaged(row, 'its text is not a JSON object');
}

/** The names of the fields in the body, by those of the DynamoDB table. */
const BODY_NAMES: Readonly<Record<string, string>> = {
  modified_by: 'modifiedBy',
  modified_date: 'modifiedDate',
  credential_pairs: 'credentialPairs',
  data_key: 'dataKey',
  credential_keys: 'credentialKeys',
  cipher_type: 'cipherType',
  cipher_version: 'cipherVersion',
  last_rotation_date: 'lastRotationDate',
  blind_credentials: 'blindCredentials',
};

class BodyFields implements RowFields {
  readonly rowId: string | null;
  readonly isArchived: boolean;

  constructor(
    { rowId, isArchived }: RowPlace,
    private readonly body: Readonly<Record<string, unknown>>,
    private readonly lastDecryptedDate: unknown,
    private readonly sealed: Readonly<Record<string, unknown>>,
  ) {
    this.rowId = rowId;
    this.isArchived = isArchived;
    const { id, revision } = body;
    if (id === undefined) return;
    const expected =
      isArchived && typeof id === 'string' && typeof revision === 'number' ? archiveId(id, revision) : id;
    if (expected !== rowId) damaged(this, 'its id and its text disagree');
  }

  text(field: string): string | null {
    return this.#textIn(this.#value(field), field);
  }

  number(field: string): number | null {
    return this.#numberIn(this.#value(field), field);
  }

  flag(field: string): boolean {
    const value = this.#value(field);
    if (value === null) return true;
    return typeof value === 'boolean' ? value : damaged(this, `${field} is not a boolean`);
  }

  textList(field: string): string[] {
    const value = this.#value(field);
    if (value === null) return [];
    const isList = Array.isArray(value) && value.every((member) => typeof member === 'string');
    return isList ? value : damaged(this, `${field} is not a list of texts`);
  }

  textSet(field: string): string[] {
    return sortedSet(this.textList(field));
  }

  textMap(field: string): Record<string, string> {
    const value = this.#value(field);
    if (value === null) return {};
    const isMap = isPlainObject(value) && Object.values(value).every((member) => typeof member === 'string');
    return isMap ? (value as Record<string, string>) : damaged(this, `${field} is not a map of texts`);
  }

  json(field: string): JsonObject {
    const text = this.text(field);
    if (text === null) return {};
    try {
      return parseObject(text);
    } catch (error) {
      return damaged(this, `${field} is not a JSON object`, { cause: error });
    }
  }

  /** A credential without ciphertext can be shown and given new pairs; its old ones do not open. */
  sealedPairs(): SealedPairs {
    const { token = null, dataKey = null, cipherVersion = null } = this.sealed;
    return {
      token: this.#textIn(token, 'token') ?? '',
      dataKey: this.#textIn(dataKey, 'dataKey') ?? '',
      cipherVersion: this.#numberIn(cipherVersion, 'cipherVersion') ?? 2,
    };
  }

  #value(field: string): unknown {
    if (field === 'last_decrypted_date') return this.lastDecryptedDate ?? null;
    return this.body[BODY_NAMES[field] ?? field] ?? null;
  }

  #textIn(value: unknown, field: string): string | null {
    if (value === null || typeof value === 'string') return value;
    return damaged(this, `${field} is not a text`);
  }

  #numberIn(value: unknown, field: string): number | null {
    if (value === null || typeof value === 'number') return value;
    return damaged(this, `${field} is not a number`);
  }
}
