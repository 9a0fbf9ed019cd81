import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Item, itemOf, listedOf, recordOf } from '../../../src/adapters/store/dynamodb/items.js';
import { instantOf, type Instant } from '../../../src/domain/instant.js';
import type { Credential, Kind, Records } from '../../../src/domain/records.js';
import { DamagedRow } from '../../../src/ports/store.js';
import { credential, service } from './records.js';

const golden = (name: string): string =>
  readFileSync(new URL(`../../../../../test/golden/${name}`, import.meta.url), 'utf8');
const table = golden('dynamodb-table.jsonl')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Item);

function kindOf(item: Item): { kind: Kind; archived: boolean } {
  const dataType = item['data_type']!.S!;
  return { kind: dataType.replace(/^archive-/, '') as Kind, archived: dataType.startsWith('archive-') };
}

/** Ignores the order of sets and the difference between absent and empty metadata, and turns tags into texts. */
function comparable(item: Item): Item {
  const attributes = Object.entries(item).filter(([name, value]) => name !== 'metadata' || value.S !== '{}');
  return Object.fromEntries(
    attributes.map(([name, value]) => {
      if (value.SS) return [name, { SS: [...value.SS].sort() }];
      return [name, value.L ? { L: value.L.map(({ S, N }) => ({ S: S ?? N! })) } : value];
    }),
  );
}

describe("the original's rows", () => {
  test("every row of the original's table is the same after reading and writing, attribute by attribute", () => {
    expect(table).toHaveLength(309);
    for (const item of table) {
      const { kind, archived } = kindOf(item);
      expect(comparable(itemOf(kind, recordOf(kind, item), archived))).toEqual(comparable(item));
    }
  });

  test('rows of the archive table are read too', () => {
    for (const line of golden('dynamodb-archive-table.jsonl').trim().split('\n')) {
      const { archive_date: _, ...item } = JSON.parse(line) as Item;
      const { kind, archived } = kindOf(item);
      expect(comparable(itemOf(kind, recordOf(kind, item), archived))).toEqual(comparable(item));
    }
  });

  test('rows are written with the attribute types of the original, and no others', () => {
    const types = JSON.parse(golden('dynamodb-attribute-types.json')) as Record<string, Record<string, object>>;
    for (const item of table) {
      const { kind, archived } = kindOf(item);
      const known = types[`main / ${item['data_type']!.S!}`]!;
      for (const [name, value] of Object.entries(itemOf(kind, recordOf(kind, item), archived))) {
        // The recordings have no current credential with this date, but archived rows show its type.
        const expected = name === 'last_decrypted_date' ? ['S'] : Object.keys(known[name] ?? {});
        expect(expected, name).toEqual(Object.keys(value));
      }
    }
  });

  test('the data key is base64 text in an attribute of type Binary', () => {
    const example = JSON.parse(golden('at-rest-example.json')) as Record<string, unknown> & { item: Item };
    const { sealed } = recordOf('credential', example.item);
    expect(sealed.dataKey).toBe(example['after_one_base64_decode(stored bytes)']);
    expect(Buffer.from(sealed.dataKey, 'base64').toString('hex')).toBe(example['kms_ciphertext_blob_hex']);
    const written = itemOf('credential', recordOf('credential', example.item), false);
    expect(written['data_key']).toEqual({ B: example['wire_data_key_B'] });
  });

  test('an archived revision has the id without its number', () => {
    for (const item of table) {
      const { kind, archived } = kindOf(item);
      const { id, revision } = recordOf(kind, item);
      expect(archived ? `${id}-${revision}` : id).toBe(item['id']!.S);
    }
  });
});

describe('absent attributes', () => {
  test('an absent attribute is read as its default', () => {
    const row = (dataType: string): Item => ({ id: { S: 'x' }, data_type: { S: dataType }, revision: { N: '4' } });
    const unknown = { id: 'x', revision: 4, enabled: true, modifiedBy: null, modifiedDate: null };
    expect(recordOf('service', row('service'))).toEqual({
      ...unknown,
      credentials: [],
      blindCredentials: [],
      account: null,
    });
    expect(recordOf('credential', { ...row('credential'), name: { S: 'n' } })).toEqual({
      ...unknown,
      name: 'n',
      tags: [],
      metadata: {},
      documentation: null,
      lastRotationDate: null,
      lastDecryptedDate: null,
      sealed: { token: '', dataKey: '', cipherVersion: 2 },
    });
    expect(recordOf('blind-credential', { ...row('blind-credential'), name: { S: 'n' } })).toEqual({
      ...unknown,
      name: 'n',
      credentialPairs: {},
      dataKey: {},
      credentialKeys: [],
      cipherType: null,
      cipherVersion: null,
      metadata: {},
      documentation: null,
    });
  });

  test('an absent value is not written: neither as type NULL nor as an empty set', () => {
    expect(itemOf('service', service({ id: 's', modifiedBy: null, modifiedDate: null }), false)).toEqual({
      id: { S: 's' },
      data_type: { S: 'service' },
      revision: { N: '1' },
      enabled: { BOOL: true },
    });
  });

  test('a row of unknown origin may have absent values of type NULL', () => {
    const item = { ...itemOf('credential', credential(), false), documentation: { NULL: true }, tags: { NULL: true } };
    expect(recordOf('credential', item)).toMatchObject({ documentation: null, tags: [] });
  });
});

test('tags that are not texts are read as the original shows them', () => {
  const item = itemOf('credential', credential(), false);
  const tags = { L: [{ N: '1' }, { BOOL: true }, { S: 'text' }] };
  expect(recordOf('credential', { ...item, tags }).tags).toEqual(['1', 'True', 'text']);
});

describe('very old rows', () => {
  const base = itemOf('service', service({ id: 's' }), false);

  test('booleans may be the numbers 0 and 1', () => {
    expect(recordOf('service', { ...base, enabled: { N: '0' } }).enabled).toBe(false);
    expect(recordOf('service', { ...base, enabled: { N: '1' } }).enabled).toBe(true);
  });

  test('members of sets may be JSON texts, quotes included', () => {
    const credentials = { SS: ['"b"', 'a', '"', '"\\u00fc"', '"open'] };
    expect(recordOf('service', { ...base, credentials }).credentials).toEqual(['"', '"open', 'a', 'b', 'ü']);
  });

  test.each([
    ['2026-11-21T21:41:10.779956+0000', '2026-11-21T21:41:10.779956+0000'],
    ['2026-11-21T22:41:10.779956+0100', '2026-11-21T21:41:10.779956+0000'],
    ['2026-11-21T16:11:10.779956-05:30', '2026-11-21T21:41:10.779956+0000'],
    ['2026-11-21T21:41:10Z', '2026-11-21T21:41:10.000000+0000'],
    ['2026-11-21 21:41:10.5', '2026-11-21T21:41:10.500000+0000'],
    ['2026-11-21T21:41:10.779956123Z', '2026-11-21T21:41:10.779956+0000'],
    ['yesterday', null],
    ['2026-13-21T21:41:10Z', null],
    ['', null],
  ])('the date %j is read as %j', (stored, read) => {
    expect(recordOf('service', { ...base, modified_date: { S: stored } }).modifiedDate).toBe(read);
  });
});

describe('damaged rows', () => {
  const whole = itemOf('credential', credential({ id: 'whole' }), false);
  const archived = itemOf('credential', credential({ id: 'whole' }), true);

  test.each<[string, Item]>([
    ['a missing revision', { ...whole, revision: { NULL: true } }],
    ['revision 0', { ...whole, revision: { N: '0' } }],
    ['a broken revision', { ...whole, revision: { N: '1.5' } }],
    ['a textual revision', { ...whole, revision: { S: '1' } }],
    ['a missing name', { ...whole, name: { NULL: true } }],
    ['a numeric name', { ...whole, name: { N: '1' } }],
    ['metadata that is not JSON', { ...whole, metadata: { S: '{"a": ' } }],
    ['metadata that is not an object', { ...whole, metadata: { S: '[]' } }],
    ['metadata that is a number', { ...whole, metadata: { S: '12345678901234567890' } }],
    ['a textual data key', { ...whole, data_key: { S: 'x' } }],
    ['a textual boolean', { ...whole, enabled: { S: 'true' } }],
    ['tags that are not a list', { ...whole, tags: { S: 'x' } }],
    ['a tag that is a list', { ...whole, tags: { L: [{ L: [] }] } }],
    ['an archive row whose id and revision disagree', { ...archived, revision: { N: '2' } }],
  ])('%s is an error that names the row and none of its values', (_, item) => {
    const decode = (): unknown => recordOf('credential', item);
    expect(decode).toThrow(DamagedRow);
    expect(decode).toThrow(`the row ${item['id']!.S} is damaged`);
  });

  test('a map of a blind credential must hold texts', () => {
    const item = table.find((row) => row['data_type']!.S === 'blind-credential')!;
    expect(() => recordOf('blind-credential', { ...item, data_key: { S: '{"r": 1}' } })).toThrow(DamagedRow);
    expect(() => recordOf('blind-credential', { ...item, credential_keys: { L: [] } })).toThrow(DamagedRow);
  });
});

describe('any record', () => {
  const text = fc.string({ unit: 'binary' });
  const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });
  const date: fc.Arbitrary<Instant> = fc.nat(4e15).map(instantOf);
  const set = fc.uniqueArray(text.filter((member) => !member.startsWith('"'))).map((members) => members.sort());
  const json = fc
    .dictionary(text, fc.jsonValue({ maxDepth: 3 }))
    // -0 and 1e400 are JSON texts, but no values JSON.stringify keeps.
    .map((value) => JSON.parse(JSON.stringify(value)) as Credential['metadata']);
  const revision = {
    id: text.filter((id) => id !== ''),
    revision: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    enabled: fc.boolean(),
    modifiedBy: optional(text),
    modifiedDate: optional(date),
  };
  const records: { [K in Kind]: fc.Arbitrary<Records[K]> } = {
    credential: fc.record({
      ...revision,
      name: text,
      tags: fc.array(text),
      metadata: json,
      documentation: optional(text),
      lastRotationDate: optional(date),
      lastDecryptedDate: optional(date),
      sealed: fc.record({ token: text, dataKey: fc.base64String(), cipherVersion: fc.nat() }),
    }),
    'blind-credential': fc.record({
      ...revision,
      name: text,
      credentialPairs: fc.dictionary(text, text),
      dataKey: fc.dictionary(text, text),
      credentialKeys: set,
      cipherType: optional(text),
      cipherVersion: optional(fc.nat()),
      metadata: json,
      documentation: optional(text),
    }),
    service: fc.record({ ...revision, credentials: set, blindCredentials: set, account: optional(text) }),
  };

  test.each(['credential', 'blind-credential', 'service'] as const)(
    'any record is the same after being written and read: %s',
    (kind) => {
      fc.assert(
        fc.property(records[kind] as fc.Arbitrary<Records[typeof kind]>, fc.boolean(), (record, archived) => {
          const item = JSON.parse(JSON.stringify(itemOf(kind, record, archived))) as Item;
          expect(recordOf(kind, item)).toEqual(record);
          expect(record).toMatchObject(listedOf(kind, item));
          for (const value of Object.values(item)) expect(value).not.toHaveProperty('NULL');
        }),
        { numRuns: 300 },
      );
    },
  );
});
