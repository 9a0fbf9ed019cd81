import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringifyJson } from '@confidant/contract';
import type { Kind, Records, Service } from '../../../src/domain/records.js';
import { DamagedRow, type PageKey, type Store } from '../../../src/ports/store.js';
import { type Harness, STORES } from './harness.js';
import { at, AWKWARD_METADATA, blindCredential, credential, newId, service } from './records.js';

describe.each(STORES)('$name', ({ open }) => {
  let harness: Harness;
  let store: Store;
  let other: Store;
  const damagedRows: { id: string; problem: string }[] = [];

  beforeAll(async () => {
    harness = await open();
    store = harness.open((row) => damagedRows.push(row));
    other = harness.open();
  });
  afterAll(async () => {
    await store.close();
    await other.close();
    await harness.stop();
  });

  async function create<K extends Kind>(kind: K, ...records: Records[K][]): Promise<void> {
    await Promise.all(
      records.map(async (next) => {
        const outcome = await store.putRevision({
          kind,
          next,
          expected: next.revision === 1 ? null : next.revision - 1,
        });
        expect(outcome).toEqual({ status: 'ok' });
      }),
    );
  }

  /** Returns everything that a store lists, page by page. */
  async function pages<K extends Kind>(kind: K, archived: boolean, limit: number) {
    const found = [];
    let after: PageKey | undefined;
    for (;;) {
      const page = await store.list(kind, { archived, limit, ...(after && { after }) });
      expect(page.rows.length).toBeLessThanOrEqual(limit);
      found.push(page.rows);
      if (page.next === null) return found;
      after = page.next;
    }
  }

  describe('single rows', () => {
    test('every field comes back as it was written, from the current row and from the archive', async () => {
      const fullCredential = credential({
        enabled: false,
        name: 'Ünï "q" \\ \u2028 😀',
        tags: ['b', 'a', 'b'],
        metadata: AWKWARD_METADATA,
        documentation: 'line\nline',
        lastDecryptedDate: at(5),
      });
      const fullBlind = blindCredential({ metadata: AWKWARD_METADATA, documentation: '' });
      const fullService = service({ credentials: ['a', 'b'], blindCredentials: ['c'], account: 'sandbox' });
      const sparseCredential = credential({ modifiedBy: null, modifiedDate: null, lastRotationDate: null });
      const sparseBlind = blindCredential({
        modifiedBy: null,
        modifiedDate: null,
        credentialKeys: [],
        cipherType: null,
        cipherVersion: null,
        credentialPairs: {},
        dataKey: {},
        metadata: {},
      });
      const sparseService = service({ modifiedBy: null, modifiedDate: null });
      for (const [kind, record] of [
        ['credential', fullCredential],
        ['blind-credential', fullBlind],
        ['service', fullService],
        ['credential', sparseCredential],
        ['blind-credential', sparseBlind],
        ['service', sparseService],
      ] as const) {
        await create(kind, record);
        expect(await other.get(kind, record.id)).toEqual(record);
        expect(await other.getRevision(kind, record.id, 1)).toEqual(record);
        expect(await other.getMany(kind, [record.id])).toEqual(new Map([[record.id, record]]));
        expect(await other.getRevisions(kind, record.id, 1)).toEqual([record]);
      }
      const read = await other.get('credential', fullCredential.id);
      // toEqual does not compare the text of a number that is kept as text.
      expect(stringifyJson(read)).toBe(stringifyJson(await store.getRevision('credential', fullCredential.id, 1)));
      expect(stringifyJson((read as typeof fullCredential).metadata)).toBe(stringifyJson(AWKWARD_METADATA));
    });

    test('sets come sorted and without duplicates', async () => {
      const row = service({ credentials: ['b', 'a', 'b', 'B'], blindCredentials: ['z', 'y'] });
      const blind = blindCredential({ credentialKeys: ['b', 'a', 'b'] });
      await create('service', row);
      await create('blind-credential', blind);
      const sorted = { ...row, credentials: ['B', 'a', 'b'], blindCredentials: ['y', 'z'] };
      expect(await store.get('service', row.id)).toEqual(sorted);
      expect(await store.getRevision('service', row.id, 1)).toEqual(sorted);
      expect(await store.get('blind-credential', blind.id)).toMatchObject({ credentialKeys: ['a', 'b'] });
    });

    test('an unknown id is absent, even one that no row can have', async () => {
      for (const id of [newId(), '', 'x'.repeat(5000)]) {
        expect(await store.get('service', id)).toBe('absent');
        expect(await store.getRevision('service', id, 1)).toBeUndefined();
        expect(await store.getRevisions('service', id, 3)).toEqual([]);
        expect(await store.getMany('service', [id])).toEqual(new Map());
      }
    });

    test('an id of another kind is distinguished from an absent one, for archived revisions too', async () => {
      const [one, blind, role] = [credential(), blindCredential(), service()];
      await create('credential', one);
      await create('blind-credential', blind);
      await create('service', role);
      expect(await store.get('blind-credential', one.id)).toBe('other-kind');
      expect(await store.get('credential', blind.id)).toBe('other-kind');
      expect(await store.get('credential', role.id)).toBe('other-kind');
      expect(await store.get('service', `${role.id}-1`)).toBe('other-kind');
      expect(await store.get('credential', `${one.id}-1`)).toBe('other-kind');
      expect(await store.getRevision('service', one.id, 1)).toBeUndefined();
      expect(await store.getRevision('blind-credential', one.id, 1)).toBeUndefined();
      expect(await store.getRevisions('service', one.id, 1)).toEqual([]);
      expect(await store.getMany('credential', [one.id, blind.id, role.id, `${one.id}-1`])).toEqual(
        new Map([[one.id, one]]),
      );
    });

    test('any number of ids is read at once, including repeated ones, and absent ones are left out', async () => {
      const rows = Array.from({ length: 230 }, () => credential());
      await create('credential', ...rows);
      const ids = rows.map(({ id }) => id);
      const found = await store.getMany('credential', [...ids, ...ids, newId(), '', ...ids.slice(0, 7)]);
      expect(found.size).toBe(230);
      for (const row of rows) expect(found.get(row.id)).toEqual(row);
      expect(await store.getMany('credential', [])).toEqual(new Map());
    });
  });

  describe('revisions', () => {
    test('a revision is written only over the revision that the caller read', async () => {
      const first = service();
      const second = { ...first, revision: 2, enabled: false };
      expect(await store.putRevision({ kind: 'service', next: second, expected: 1 })).toEqual({ status: 'conflict' });
      await create('service', first);
      await create('service', second);
      for (const expected of [null, 1, 3]) {
        const next = { ...first, revision: 3 };
        expect(await store.putRevision({ kind: 'service', next, expected })).toEqual({ status: 'conflict' });
      }
      expect(await store.get('service', first.id)).toEqual(second);
      expect(await store.getRevision('service', first.id, 3)).toBeUndefined();
    });

    test('a row of another kind is never overwritten', async () => {
      const one = credential();
      await create('credential', one);
      for (const expected of [null, 1]) {
        const next = service({ id: one.id, revision: 2 });
        expect(await store.putRevision({ kind: 'service', next, expected })).toEqual({ status: 'conflict' });
      }
      expect(await store.get('credential', one.id)).toEqual(one);
    });

    test('creating service foo never touches a live service foo-1, and foo then begins with a later number', async () => {
      const foo = service();
      const dashed = service({ id: `${foo.id}-1`, account: 'live' });
      await create('service', dashed);
      expect(await store.putRevision({ kind: 'service', next: foo, expected: null })).toEqual({
        status: 'revision-exists',
      });
      expect(await store.get('service', foo.id)).toBe('absent');
      const next = { ...foo, revision: 2 };
      expect(await store.putRevision({ kind: 'service', next, expected: null })).toEqual({ status: 'ok' });
      expect(await store.get('service', dashed.id)).toEqual(dashed);
      expect(await store.getRevision('service', foo.id, 1)).toBeUndefined();
      expect(await store.getRevisions('service', foo.id, 2)).toEqual([next]);
      expect(await store.getRevisions('service', dashed.id, 1)).toEqual([dashed]);
    });

    test('the history is ascending, skips gaps and ends at the requested revision', async () => {
      const first = credential();
      const put = async (revision: number, expected: number | null): Promise<void> => {
        const outcome = await store.putRevision({ kind: 'credential', next: { ...first, revision }, expected });
        expect(outcome).toEqual({ status: 'ok' });
      };
      await put(1, null);
      await put(3, 1);
      await put(12, 3);
      await put(140, 12);
      const numbers = async (upTo: number): Promise<number[]> =>
        (await store.getRevisions('credential', first.id, upTo)).map(({ revision }) => revision);
      expect(await numbers(140)).toEqual([1, 3, 12, 140]);
      expect(await numbers(12)).toEqual([1, 3, 12]);
      expect(await numbers(2)).toEqual([1]);
      expect(await numbers(0)).toEqual([]);
      expect((await store.getRevision('credential', first.id, 12))?.id).toBe(first.id);
    });

    test('exactly one of several concurrent writes with the same expected revision succeeds, and its content stays', async () => {
      for (const expected of [null, 1]) {
        const first = service();
        if (expected !== null) await create('service', first);
        const racers = Array.from({ length: 12 }, (_, n) => ({
          ...first,
          revision: (expected ?? 0) + 1,
          account: `racer ${n}`,
        }));
        const outcomes = await Promise.all(
          racers.map((next, n) => (n % 2 ? store : other).putRevision({ kind: 'service', next, expected })),
        );
        const winners = racers.filter((_, n) => outcomes[n]?.status === 'ok');
        expect(winners).toHaveLength(1);
        expect(await store.get('service', first.id)).toEqual(winners[0]);
        expect(await store.getRevision('service', first.id, winners[0]!.revision)).toEqual(winners[0]);
        for (const { status } of outcomes) expect(['ok', 'conflict']).toContain(status);
      }
    });

    test('ids that begin like the rows of names can be neither read nor written', async () => {
      const next = service({ id: '/name/credential/00' });
      expect(await store.get('service', next.id)).toBe('other-kind');
      expect(await store.putRevision({ kind: 'service', next, expected: null })).toEqual({ status: 'conflict' });
      expect(await store.getMany('service', [next.id])).toEqual(new Map());
    });
  });

  describe('names', () => {
    const named = (name: string) => credential({ name });
    const claim = (next: Records['credential'], name: { claim: string; release?: string; takeFrom?: string }) =>
      store.putRevision({ kind: 'credential', next, expected: next.revision === 1 ? null : next.revision - 1, name });

    test('a name is held by one id of a kind, and other ids learn its holder and write nothing', async () => {
      const [one, two] = [named('held'), named('held')];
      expect(await claim(one, { claim: 'held' })).toEqual({ status: 'ok' });
      expect(await claim(two, { claim: 'held' })).toEqual({ status: 'name-taken', holder: one.id });
      expect(await store.get('credential', two.id)).toBe('absent');
      expect(await store.getRevision('credential', two.id, 1)).toBeUndefined();
      const blind = blindCredential({ name: 'held' });
      const write = { kind: 'blind-credential', next: blind, expected: null, name: { claim: 'held' } } as const;
      expect(await store.putRevision(write)).toEqual({ status: 'ok' });
    });

    test('the holder may claim its name again', async () => {
      const one = named('again');
      await claim(one, { claim: 'again' });
      expect(await claim({ ...one, revision: 2 }, { claim: 'again', release: 'again' })).toEqual({ status: 'ok' });
      expect(await claim(named('again'), { claim: 'again' })).toMatchObject({ status: 'name-taken' });
    });

    test('a released name is free, and a name that somebody else holds by now is not released', async () => {
      const [one, two, three] = [named('before'), named('before'), named('before')];
      await claim(one, { claim: 'before' });
      expect(await claim({ ...one, revision: 2 }, { claim: 'after', release: 'before' })).toEqual({ status: 'ok' });
      expect(await claim(two, { claim: 'before' })).toEqual({ status: 'ok' });
      expect(await claim({ ...one, revision: 3 }, { claim: 'third', release: 'before' })).toEqual({ status: 'ok' });
      expect(await claim(three, { claim: 'before' })).toEqual({ status: 'name-taken', holder: two.id });
      expect(await claim(three, { claim: 'after' })).toEqual({ status: 'name-taken', holder: one.id });
    });

    test('a rename releases a name that was never claimed, as the original leaves it', async () => {
      const one = named('unclaimed');
      await create('credential', one);
      expect(await claim({ ...one, revision: 2 }, { claim: 'renamed', release: 'unclaimed' })).toEqual({
        status: 'ok',
      });
    });

    test('a refused write neither claims nor releases a name', async () => {
      const one = named('kept');
      await claim(one, { claim: 'kept' });
      const stale = { kind: 'credential', next: { ...one, revision: 9 }, expected: 8 } as const;
      expect(await store.putRevision({ ...stale, name: { claim: 'unkept', release: 'kept' } })).toEqual({
        status: 'conflict',
      });
      expect(await claim(named('kept'), { claim: 'kept' })).toEqual({ status: 'name-taken', holder: one.id });
      expect(await claim(named('unkept'), { claim: 'unkept' })).toEqual({ status: 'ok' });
    });

    test('a claim is taken over only from the named holder', async () => {
      const [one, two] = [named('left'), named('left')];
      await claim(one, { claim: 'left' });
      expect(await claim(two, { claim: 'left', takeFrom: newId() })).toEqual({ status: 'name-taken', holder: one.id });
      expect(await claim(two, { claim: 'left', takeFrom: one.id })).toEqual({ status: 'ok' });
      expect(await claim(named('left'), { claim: 'left' })).toEqual({ status: 'name-taken', holder: two.id });
    });

    test('exactly one of several concurrent claims of a name succeeds', async () => {
      for (const name of ['race', 'ünï 😀', 'x'.repeat(4000), '']) {
        const racers = Array.from({ length: 12 }, () => named(name));
        const outcomes = await Promise.all(
          racers.map((next, n) =>
            (n % 2 ? store : other).putRevision({ kind: 'credential', next, expected: null, name: { claim: name } }),
          ),
        );
        expect(outcomes.filter(({ status }) => status === 'ok')).toHaveLength(1);
        const stored = await store.getMany(
          'credential',
          racers.map(({ id }) => id),
        );
        expect(stored.size).toBe(1);
        for (const outcome of outcomes) {
          if (outcome.status === 'name-taken') expect(stored.has(outcome.holder)).toBe(true);
          else expect(['ok', 'conflict']).toContain(outcome.status);
        }
      }
    });

    test('of several reasons to refuse, the conflict is reported first and the name last', async () => {
      const [one, two] = [named('order'), named('other order')];
      await claim(one, { claim: 'order' });
      await claim(two, { claim: 'other order' });
      const taken = { claim: 'order' };
      const stale = { kind: 'credential', next: two, expected: 4, name: taken } as const;
      expect(await store.putRevision(stale)).toEqual({ status: 'conflict' });
      const occupied = { kind: 'credential', next: two, expected: 1, name: taken } as const;
      expect(await store.putRevision(occupied)).toEqual({ status: 'revision-exists' });
    });
  });

  describe('the date of the last decryption', () => {
    test('the date is set on the current row and its archive row, and on nothing else', async () => {
      const first = credential();
      const second = { ...first, revision: 2, metadata: AWKWARD_METADATA };
      await create('credential', first);
      await create('credential', second);
      expect(await store.setLastDecrypted(first.id, 2, at(77))).toBe(true);
      expect(await store.get('credential', first.id)).toEqual({ ...second, lastDecryptedDate: at(77) });
      expect(await store.getRevision('credential', first.id, 2)).toEqual({ ...second, lastDecryptedDate: at(77) });
      expect(await store.getRevision('credential', first.id, 1)).toEqual(first);
      const { rows } = await store.list('credential', { archived: false });
      expect(rows.find(({ id }) => id === first.id)).toMatchObject({ lastDecryptedDate: at(77) });
    });

    test('the date is not set if the credential has another revision by now, is gone, or is of another kind', async () => {
      const first = credential();
      await create('credential', first);
      await create('credential', { ...first, revision: 2 });
      const [role, blind] = [service(), blindCredential()];
      await create('service', role);
      await create('blind-credential', blind);
      expect(await store.setLastDecrypted(first.id, 1, at(77))).toBe(false);
      expect(await store.setLastDecrypted(first.id, 3, at(77))).toBe(false);
      for (const id of [newId(), role.id, blind.id]) expect(await store.setLastDecrypted(id, 1, at(77))).toBe(false);
      expect(await store.getRevision('credential', first.id, 1)).toEqual(first);
      expect(await store.get('service', role.id)).toEqual(role);
      expect(await store.get('blind-credential', blind.id)).toEqual(blind);
    });

    test('a date that is recorded while a revision is being written is not lost: the write is a conflict', async () => {
      const first = credential();
      await create('credential', first);
      expect(await store.setLastDecrypted(first.id, 1, at(77))).toBe(true);
      const next = { ...first, revision: 2 };
      const write = { kind: 'credential', next, expected: 1 } as const;
      expect(await store.putRevision({ ...write, decrypted: null })).toEqual({ status: 'conflict' });
      expect(await store.putRevision({ ...write, decrypted: at(76) })).toEqual({ status: 'conflict' });
      const seen = { ...next, lastDecryptedDate: at(77) };
      expect(await store.putRevision({ ...write, next: seen, decrypted: at(77) })).toEqual({ status: 'ok' });
      expect(await store.get('credential', first.id)).toMatchObject({ revision: 2, lastDecryptedDate: at(77) });
    });

    test('the date stays through an update that carries it over', async () => {
      const first = credential();
      await create('credential', first);
      await store.setLastDecrypted(first.id, 1, at(77));
      const read = (await store.get('credential', first.id)) as typeof first;
      await create('credential', { ...read, revision: 2, documentation: 'new' });
      expect(await store.get('credential', first.id)).toMatchObject({ revision: 2, lastDecryptedDate: at(77) });
    });
  });

  test('ping resolves', async () => {
    await store.ping();
  });

  test('a damaged row is an error when read by id, and lists, histories and changes leave it out and report it', async () => {
    const [whole, broken] = [credential({ modifiedDate: at(900) }), credential({ modifiedDate: at(901) })];
    const [role, brokenRole] = [service({ modifiedDate: at(900) }), service({ modifiedDate: at(901) })];
    await create('credential', whole, broken);
    await create('credential', { ...broken, revision: 2 });
    await create('service', role, brokenRole);
    for (const id of [broken.id, `${broken.id}-1`, brokenRole.id]) await harness.damage(id);
    damagedRows.length = 0;

    const naming = (id: string) => expect.toSatisfy((error) => error instanceof DamagedRow && error.id === id);
    await expect(store.get('credential', broken.id)).rejects.toEqual(naming(broken.id));
    await expect(store.getRevision('credential', broken.id, 1)).rejects.toEqual(naming(`${broken.id}-1`));
    // If it were left out, a service would believe that the credential is gone.
    await expect(store.getMany('credential', [whole.id, broken.id])).rejects.toEqual(naming(broken.id));
    expect(await store.get('service', broken.id)).toBe('other-kind');
    expect(await store.getMany('credential', [whole.id, brokenRole.id])).toEqual(new Map([[whole.id, whole]]));
    expect(damagedRows).toEqual([]);

    const listed = (await store.list('credential', { archived: false })).rows.map(({ id }) => id);
    expect(listed).toContain(whole.id);
    expect(listed).not.toContain(broken.id);
    expect(damagedRows.map(({ id }) => id)).toEqual([broken.id]);
    expect((await store.getRevisions('credential', broken.id, 2)).map(({ revision }) => revision)).toEqual([2]);
    expect(damagedRows.map(({ id }) => id)).toEqual([broken.id, `${broken.id}-1`]);
    const changed = (await store.changedServices(at(900))).map(({ id }) => id);
    expect(changed).toContain(role.id);
    expect(changed).not.toContain(brokenRole.id);
    expect(damagedRows.at(-1)?.id).toBe(brokenRole.id);
    expect((await pages('credential', false, 2)).flat().map(({ id }) => id)).toEqual(listed);
  });

  // This block is the last one, because it leaves damaged rows behind.
  describe('reading a service with its credentials', () => {
    const remap = (from: Service, more: Partial<Service>): Service => ({
      ...from,
      revision: from.revision + 1,
      ...more,
    });
    /** Returns what a service gets. */
    async function fetched(id: string) {
      const { service: found, mapped } = await store.openService(id);
      return { found, credentials: await mapped('credential'), blind: await mapped('blind-credential') };
    }

    test('the result equals that of single reads, also when read again, and absent ids and other kinds are left out', async () => {
      const [one, two, blind] = [credential(), credential(), blindCredential()];
      const gone = newId();
      const role = service({ credentials: [one.id, two.id, gone].sort(), blindCredentials: [blind.id, one.id].sort() });
      await create('credential', one, two);
      await create('blind-credential', blind);
      await create('service', role);
      for (let time = 0; time < 3; time++) {
        const { found, credentials, blind: blinds } = await fetched(role.id);
        expect(found).toEqual(role);
        expect(credentials).toEqual(await store.getMany('credential', role.credentials));
        expect([...credentials.keys()].sort()).toEqual([one.id, two.id].sort());
        expect(blinds).toEqual(new Map([[blind.id, blind]]));
      }
      for (const [id, found] of [
        [newId(), 'absent'],
        ['', 'absent'],
        [one.id, 'other-kind'],
        [`${role.id}-1`, 'other-kind'],
      ] as const) {
        expect(await fetched(id)).toEqual({ found, credentials: new Map(), blind: new Map() });
      }
    });

    test('the result is that of the current row, whichever server changed it', async () => {
      const [one, two, three] = [credential(), credential(), credential()];
      await create('credential', one, two, three);
      let role = service({ credentials: [one.id, two.id].sort() });
      await create('service', role);
      await fetched(role.id);
      const write = async (more: Partial<Service>): Promise<void> => {
        role = remap(role, more);
        expect(await other.putRevision({ kind: 'service', next: role, expected: role.revision - 1 })).toEqual({
          status: 'ok',
        });
      };
      await write({ credentials: [three.id, two.id].sort() });
      expect([...(await fetched(role.id)).credentials.keys()].sort()).toEqual([three.id, two.id].sort());
      // A credential that is not mapped any more may be damaged.
      await harness.damage(one.id);
      expect((await fetched(role.id)).found).toEqual(role);
      await write({ credentials: [] });
      expect((await fetched(role.id)).credentials).toEqual(new Map());
      await write({ credentials: [two.id] });
      const changed = { ...two, revision: 2, name: 'changed meanwhile' };
      await other.putRevision({ kind: 'credential', next: changed, expected: 1 });
      expect((await fetched(role.id)).credentials).toEqual(new Map([[two.id, changed]]));
    });

    test('a damaged mapped credential is an error, and more credentials than fit in a batch are read', async () => {
      const rows = Array.from({ length: 130 }, () => credential());
      await create('credential', ...rows);
      const few = service({
        credentials: rows
          .slice(0, 2)
          .map(({ id }) => id)
          .sort(),
      });
      const many = service({ credentials: rows.map(({ id }) => id).sort() });
      await create('service', few, many);
      for (let time = 0; time < 2; time++) expect((await fetched(many.id)).credentials.size).toBe(130);
      await fetched(few.id);
      await harness.damage(rows[1]!.id);
      for (let time = 0; time < 2; time++) {
        const { mapped } = await store.openService(few.id);
        await expect(mapped('credential')).rejects.toBeInstanceOf(DamagedRow);
      }
    });
  });
});
