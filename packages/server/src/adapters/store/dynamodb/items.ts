import { pythonJson, type JsonObject } from '@confidant/contract';
import type { Kind, Listed, Records, SealedPairs } from '../../../domain/records.js';
import { damaged, decodeListed, decodeRecord, type RowFields } from '../decode.js';
import { archiveId, dataTypeOf, parseObject, sortedSet } from '../rows.js';

/** An attribute value in DynamoDB's JSON. */
export interface Attribute {
  S?: string;
  N?: string;
  B?: string;
  BOOL?: boolean;
  NULL?: boolean;
  SS?: string[];
  L?: Attribute[];
}
export type Item = Record<string, Attribute>;

/**
 * The row of a record, exactly as servers of the original write and read it: nothing that is null or an empty set is
 * written, and no attribute of type NULL ever.
 */
export function itemOf<K extends Kind>(kind: K, record: Records[K], archived: boolean): Item {
  const item: Item = {
    id: { S: archived ? archiveId(record.id, record.revision) : record.id },
    data_type: { S: dataTypeOf(kind, archived) },
    revision: { N: String(record.revision) },
    enabled: { BOOL: record.enabled },
  };
  setText(item, 'modified_by', record.modifiedBy);
  setText(item, 'modified_date', record.modifiedDate);
  ENCODE[kind](item, record);
  return item;
}

const ENCODE: { [K in Kind]: (item: Item, record: Records[K]) => void } = {
  credential(item, { sealed, ...record }) {
    setText(item, 'name', record.name);
    setText(item, 'credential_pairs', sealed.token);
    // compat: the Binary holds the base64 text of the ciphertext, not its bytes.
    item['data_key'] = { B: Buffer.from(sealed.dataKey, 'latin1').toString('base64') };
    setNumber(item, 'cipher_version', sealed.cipherVersion);
    setText(item, 'metadata', pythonJson(record.metadata));
    setText(item, 'documentation', record.documentation);
    // compat: this is the only collection that is written when it is empty.
    item['tags'] = { L: record.tags.map((tag) => ({ S: tag })) };
    setText(item, 'last_decrypted_date', record.lastDecryptedDate);
    setText(item, 'last_rotation_date', record.lastRotationDate);
  },
  'blind-credential'(item, record) {
    setText(item, 'name', record.name);
    setText(item, 'credential_pairs', pythonJson(record.credentialPairs));
    setText(item, 'data_key', pythonJson(record.dataKey));
    setSet(item, 'credential_keys', record.credentialKeys);
    setText(item, 'cipher_type', record.cipherType);
    setNumber(item, 'cipher_version', record.cipherVersion);
    setText(item, 'metadata', pythonJson(record.metadata));
    setText(item, 'documentation', record.documentation);
  },
  service(item, record) {
    setSet(item, 'credentials', record.credentials);
    setSet(item, 'blind_credentials', record.blindCredentials);
    setText(item, 'account', record.account);
  },
};

function setText(item: Item, name: string, value: string | null): void {
  if (value !== null) item[name] = { S: value };
}

function setNumber(item: Item, name: string, value: number | null): void {
  if (value !== null) item[name] = { N: String(value) };
}

function setSet(item: Item, name: string, members: readonly string[]): void {
  if (members.length > 0) item[name] = { SS: sortedSet(members) };
}

/** The record in a row whose data_type is `kind` or `archive-<kind>`. Throws DamagedRow. */
export function recordOf<K extends Kind>(kind: K, item: Item): Records[K] {
  return decodeRecord(kind, new ItemFields(item));
}

/** The listed form of the record in a row that was read with {@link LISTED_ATTRIBUTES}. Throws DamagedRow. */
export function listedOf<K extends Kind>(kind: K, item: Item): Listed[K] {
  return decodeListed(kind, new ItemFields(item));
}

/** The attributes of a credential that lists show: all but its ciphertext, which would be most of the transfer. */
export const LISTED_ATTRIBUTES = [
  'id',
  'data_type',
  'revision',
  'enabled',
  'modified_by',
  'modified_date',
  'name',
  'metadata',
  'documentation',
  'tags',
  'last_decrypted_date',
  'last_rotation_date',
] as const;

class ItemFields implements RowFields {
  readonly rowId: string | null;
  readonly isArchived: boolean;

  constructor(private readonly item: Item) {
    this.rowId = item['id']?.S ?? null;
    this.isArchived = item['data_type']?.S?.startsWith('archive-') === true;
  }

  text(field: string): string | null {
    const attribute = this.#present(field);
    return attribute === undefined ? null : (attribute.S ?? damaged(this, `${field} is not a text`));
  }

  number(field: string): number | null {
    const attribute = this.#present(field);
    if (attribute === undefined) return null;
    const value = Number(attribute.N ?? Number.NaN);
    return Number.isFinite(value) ? value : damaged(this, `${field} is not a number`);
  }

  /** compat: very old rows hold the numbers 0 and 1. */
  flag(field: string): boolean {
    const attribute = this.#present(field);
    if (attribute === undefined) return true;
    if (typeof attribute.BOOL === 'boolean') return attribute.BOOL;
    return attribute.N === undefined ? damaged(this, `${field} is not a boolean`) : Number(attribute.N) !== 0;
  }

  /** compat: the original stored what it was sent, and shows numbers and booleans as Python writes them. */
  textList(field: string): string[] {
    const attribute = this.#present(field);
    if (attribute === undefined) return [];
    const members = attribute.L ?? damaged(this, `${field} is not a list`);
    return members.map(({ S, N, BOOL }) => {
      if (BOOL !== undefined) return BOOL ? 'True' : 'False';
      return S ?? N ?? damaged(this, `${field} is not a list of texts`);
    });
  }

  /** compat: members in very old rows are JSON strings, quotes included. */
  textSet(field: string): string[] {
    const attribute = this.#present(field);
    if (attribute === undefined) return [];
    const members = attribute.SS ?? damaged(this, `${field} is not a set of texts`);
    return sortedSet(members.map(unquoted));
  }

  textMap(field: string): Record<string, string> {
    const map = this.json(field);
    for (const value of Object.values(map)) {
      if (typeof value !== 'string') damaged(this, `${field} is not a map of texts`);
    }
    return map as Record<string, string>;
  }

  json(field: string): JsonObject {
    const value = this.text(field);
    if (value === null) return {};
    try {
      return parseObject(value);
    } catch (error) {
      return damaged(this, `${field} is not a JSON object`, { cause: error });
    }
  }

  /** A credential without ciphertext can be shown and given new pairs; its old ones do not open. */
  sealedPairs(): SealedPairs {
    return {
      token: this.text('credential_pairs') ?? '',
      dataKey: this.#binaryText('data_key'),
      cipherVersion: this.number('cipher_version') ?? 2,
    };
  }

  #binaryText(field: string): string {
    const attribute = this.#present(field);
    if (attribute === undefined) return '';
    return Buffer.from(attribute.B ?? damaged(this, `${field} is not binary`), 'base64').toString('latin1');
  }

  #present(field: string): Attribute | undefined {
    const attribute = this.item[field];
    return attribute?.NULL === true ? undefined : attribute;
  }
}

function unquoted(member: string): string {
  if (!member.startsWith('"')) return member;
  try {
    const value: unknown = JSON.parse(member);
    return typeof value === 'string' ? value : member;
  } catch {
    return member;
  }
}
