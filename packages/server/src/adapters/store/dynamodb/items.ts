import { pythonJson, type JsonObject } from '@confidant/contract';
import type {
  BlindCredential,
  Credential,
  CredentialMetadata,
  Kind,
  Listed,
  Records,
  SealedPairs,
  Service,
} from '../../../domain/records.js';
import { DamagedRow } from '../../../ports/store.js';
import { archiveId, dataTypeOf, parseObject, readInstant, sortedSet } from '../rows.js';

/** An attribute value as DynamoDB's JSON writes it. */
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
    // compat: the base64 text of the ciphertext is itself what the Binary holds.
    item['data_key'] = { B: Buffer.from(sealed.dataKey, 'latin1').toString('base64') };
    setNumber(item, 'cipher_version', sealed.cipherVersion);
    setText(item, 'metadata', pythonJson(record.metadata));
    setText(item, 'documentation', record.documentation);
    // compat: the one collection that is written when it is empty.
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

/** The record in a row whose data_type is `kind` or `archive-<kind>`. Throws {@link DamagedRow}. */
export function recordOf<K extends Kind>(kind: K, item: Item): Records[K] {
  return DECODE[kind](item);
}

/** As {@link recordOf}, of a row read with {@link LISTED_ATTRIBUTES}. Throws {@link DamagedRow}. */
export function listedOf<K extends Kind>(kind: K, item: Item): Listed[K] {
  // The types cannot follow that every record is a listed one, and a credential's metadata the listed credential.
  return (kind === 'credential' ? metadataOf(item) : recordOf(kind, item)) as Listed[K];
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

// Every field stands in every decoder: building a record from a shared part with `...` takes five times as long as all
// the rest of its decoding, and a service fetch decodes each of its credentials.
const DECODE: { [K in Kind]: (item: Item) => Records[K] } = {
  credential(item): Credential {
    const credential: CredentialMetadata & { sealed?: SealedPairs } = metadataOf(item);
    // Without ciphertext a credential can be shown and given new pairs; its old ones do not open.
    credential.sealed = {
      token: text(item, 'credential_pairs') ?? '',
      dataKey: binaryText(item, 'data_key'),
      cipherVersion: number(item, 'cipher_version') ?? 2,
    };
    return credential as Credential;
  },
  'blind-credential': (item): BlindCredential => ({
    id: idOf(item),
    revision: revisionOf(item),
    enabled: flag(item, 'enabled'),
    modifiedBy: text(item, 'modified_by'),
    modifiedDate: readInstant(text(item, 'modified_date')),
    name: nameOf(item),
    credentialPairs: textMap(item, 'credential_pairs'),
    dataKey: textMap(item, 'data_key'),
    credentialKeys: textSet(item, 'credential_keys'),
    cipherType: text(item, 'cipher_type'),
    cipherVersion: number(item, 'cipher_version'),
    metadata: json(item, 'metadata'),
    documentation: text(item, 'documentation'),
  }),
  service: (item): Service => ({
    id: idOf(item),
    revision: revisionOf(item),
    enabled: flag(item, 'enabled'),
    modifiedBy: text(item, 'modified_by'),
    modifiedDate: readInstant(text(item, 'modified_date')),
    credentials: textSet(item, 'credentials'),
    blindCredentials: textSet(item, 'blind_credentials'),
    account: text(item, 'account'),
  }),
};

function metadataOf(item: Item): CredentialMetadata {
  return {
    id: idOf(item),
    revision: revisionOf(item),
    enabled: flag(item, 'enabled'),
    modifiedBy: text(item, 'modified_by'),
    modifiedDate: readInstant(text(item, 'modified_date')),
    name: nameOf(item),
    tags: textList(item, 'tags'),
    metadata: json(item, 'metadata'),
    documentation: text(item, 'documentation'),
    lastRotationDate: readInstant(text(item, 'last_rotation_date')),
    lastDecryptedDate: readInstant(text(item, 'last_decrypted_date')),
  };
}

/** The id without revision. */
function idOf(item: Item): string {
  const rowId = text(item, 'id') ?? damaged(item, 'it has no id');
  if (item['data_type']?.S?.startsWith('archive-') !== true) return rowId;
  const suffix = `-${revisionOf(item)}`;
  return rowId.endsWith(suffix) ? rowId.slice(0, -suffix.length) : damaged(item, 'its id and its revision disagree');
}

function revisionOf(item: Item): number {
  const revision = number(item, 'revision');
  return revision !== null && Number.isSafeInteger(revision) && revision > 0
    ? revision
    : damaged(item, 'it has no revision');
}

function nameOf(item: Item): string {
  return text(item, 'name') ?? damaged(item, 'it has no name');
}

function damaged(item: Item, problem: string, options?: ErrorOptions): never {
  throw new DamagedRow(item['id']?.S ?? '(without id)', problem, options);
}

function present(item: Item, name: string): Attribute | undefined {
  const attribute = item[name];
  return attribute?.NULL === true ? undefined : attribute;
}

function text(item: Item, name: string): string | null {
  return present(item, name) === undefined ? null : (item[name]?.S ?? damaged(item, `${name} is no text`));
}

function number(item: Item, name: string): number | null {
  if (present(item, name) === undefined) return null;
  const value = Number(item[name]?.N ?? Number.NaN);
  return Number.isFinite(value) ? value : damaged(item, `${name} is no number`);
}

/** compat: very old rows hold the numbers 0 and 1. Absent means true. */
function flag(item: Item, name: string): boolean {
  const attribute = present(item, name);
  if (attribute === undefined) return true;
  if (typeof attribute.BOOL === 'boolean') return attribute.BOOL;
  return attribute.N === undefined ? damaged(item, `${name} is no boolean`) : Number(attribute.N) !== 0;
}

/** compat: the original stored what it was sent, and shows numbers and booleans as Python writes them. */
function textList(item: Item, name: string): string[] {
  if (present(item, name) === undefined) return [];
  const members = item[name]?.L ?? damaged(item, `${name} is no list`);
  return members.map(({ S, N, BOOL }) => {
    if (BOOL !== undefined) return BOOL ? 'True' : 'False';
    return S ?? N ?? damaged(item, `${name} is no list of texts`);
  });
}

/** compat: members in very old rows are JSON strings, quotes included. */
function textSet(item: Item, name: string): string[] {
  if (present(item, name) === undefined) return [];
  const members = item[name]?.SS ?? damaged(item, `${name} is no set of texts`);
  return sortedSet(members.map(unquoted));
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

function binaryText(item: Item, name: string): string {
  if (present(item, name) === undefined) return '';
  return Buffer.from(item[name]?.B ?? damaged(item, `${name} is no binary`), 'base64').toString('latin1');
}

function json(item: Item, name: string): JsonObject {
  const value = text(item, name);
  if (value === null) return {};
  try {
    return parseObject(value);
  } catch (error) {
    return damaged(item, `${name} is no JSON object`, { cause: error });
  }
}

function textMap(item: Item, name: string): Record<string, string> {
  const map = json(item, name);
  for (const value of Object.values(map)) {
    if (typeof value !== 'string') damaged(item, `${name} is no map of texts`);
  }
  return map as Record<string, string>;
}
