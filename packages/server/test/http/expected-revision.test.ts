import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startServer, type TestServer } from '../harness/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const alice = 'user:alice';
let serial = 0;
const BLIND = {
  credential_pairs: { 'us-east-1': 'gAAAAA-one' },
  data_key: { 'us-east-1': 'ZGsx' },
  cipher_type: 'fernet',
  cipher_version: 2,
};

/** Creates a resource of each kind at revision 1, and makes changes of it that differ by `n`. */
const KINDS = {
  credential: {
    async create() {
      const body = { name: `Credential ${++serial}`, credential_pairs: { [`key_${serial}`]: 'first' } };
      const { json } = await server.call(alice, 'POST', '/v1/credentials', body);
      return `/v1/credentials/${json.id}`;
    },
    change: (n: number) => ({ documentation: `change ${n}` }),
    changedPart: (json: any) => json.documentation,
  },
  'blind credential': {
    async create() {
      const body = { name: `Blind ${++serial}`, ...BLIND };
      const { json } = await server.call(alice, 'POST', '/v1/blind_credentials', body);
      return `/v1/blind_credentials/${json.id}`;
    },
    change: (n: number) => ({ documentation: `change ${n}` }),
    changedPart: (json: any) => json.documentation,
  },
  service: {
    async create() {
      const path = `/v1/services/service-${++serial}`;
      await server.call(alice, 'PUT', path, { credentials: [] });
      return path;
    },
    change: (n: number) => ({ enabled: n % 2 === 0 }),
    changedPart: (json: any) => json.enabled,
  },
};

const put = (path: string, body: object): Promise<Answer> => server.call(alice, 'PUT', path, body);

describe.each(Object.entries(KINDS))('expected_revision of a %s', (_kind, { create, change, changedPart }) => {
  test('lets a change of that revision through', async () => {
    const path = await create();
    const answer = await put(path, { ...change(2), expected_revision: 1 });
    expect([answer.status, answer.json.revision]).toEqual([200, 2]);
  });

  test('refuses a change of any other revision, and stores nothing of it', async () => {
    const path = await create();
    const { json: current } = await put(path, change(2));
    for (const expected of [1, 3, 0]) {
      const answer = await put(path, { ...change(3), expected_revision: expected });
      expect([answer.status, answer.headers.get('x-confidant-error')]).toEqual([409, 'write_conflict']);
      expect(answer.json.error).toMatch(/^expected_revision: .*revision is 2/);
    }
    const { json: after } = await server.call(alice, 'GET', path);
    expect([after.revision, changedPart(after)]).toEqual([2, changedPart(current)]);
  });

  test('lets one of several changes of the same revision through', async () => {
    const path = await create();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => put(path, { ...change(n), expected_revision: 1 })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)]);
    expect((await server.call(alice, 'GET', path)).json.revision).toBe(2);
  });

  test.each([
    ['text', '1'],
    ['a fraction', 1.5],
    ['more than can be counted', 1e23],
    ['negative', -1],
    ['null', null],
  ])('is refused by name when it is %s', async (_, expected) => {
    const path = await create();
    const answer = await put(path, { ...change(2), expected_revision: expected });
    expect([answer.status, answer.json.error]).toEqual([400, 'expected_revision: must be a whole number, 0 or more']);
    expect((await server.call(alice, 'GET', path)).json.revision).toBe(1);
  });
});

describe.each(Object.entries(KINDS))(
  'expected_revision of a revert of a %s',
  (_kind, { create, change, changedPart }) => {
    /** Creates one at revision 2, whose content differs from revision 1. */
    async function changed(): Promise<{ path: string; first: unknown; second: unknown }> {
      const path = await create();
      const { json: first } = await server.call(alice, 'GET', path);
      const { json: second } = await put(path, change(3));
      return { path, first: changedPart(first), second: changedPart(second) };
    }

    test('lets a revert of that revision through, and may be omitted', async () => {
      const { path, first, second } = await changed();
      const reverted = await put(`${path}/1`, { expected_revision: 2 });
      expect([reverted.status, reverted.json.revision, changedPart(reverted.json)]).toEqual([200, 3, first]);
      // Clients of the original send nothing, null, or anything else.
      const again = [undefined, null, { revision: 2 }, [], ' \n', '"x"', 7, '1.0', '1e400'];
      for (const [n, body] of again.entries()) {
        const answer = await server.call(alice, 'PUT', `${path}/${n % 2 === 0 ? 2 : 1}`, body);
        expect([answer.status, changedPart(answer.json)]).toEqual([200, n % 2 === 0 ? second : first]);
      }
    });

    test('is not overlooked in a body that cannot be read', async () => {
      const { path } = await changed();
      const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
      for (const [body, headers] of [
        ['{"expected_revision": 1', {}],
        ['{"expected_revision": 1}', form],
      ] as const) {
        const answer = await server.call(alice, 'PUT', `${path}/1`, body, headers);
        expect([answer.status, answer.headers.get('x-confidant-error')]).toEqual([400, 'invalid_json']);
      }
      expect((await server.call(alice, 'GET', path)).json.revision).toBe(2);
    });

    test('refuses a revert of any other revision, and stores nothing of it', async () => {
      const { path, second } = await changed();
      for (const expected of [1, 3, 0]) {
        const answer = await put(`${path}/1`, { expected_revision: expected });
        expect([answer.status, answer.headers.get('x-confidant-error')]).toEqual([409, 'write_conflict']);
        expect(answer.json.error).toMatch(/^expected_revision: .*revision is 2/);
      }
      const { json: after } = await server.call(alice, 'GET', path);
      expect([after.revision, changedPart(after)]).toEqual([2, second]);
    });

    test('lets one of several reverts of the same revision through', async () => {
      const { path } = await changed();
      const answers = await Promise.all(Array.from({ length: 6 }, () => put(`${path}/1`, { expected_revision: 2 })));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(5).fill(409)]);
      expect((await server.call(alice, 'GET', path)).json.revision).toBe(3);
    });

    test.each([
      ['text', '2'],
      ['a fraction', 1.5],
      ['more than can be counted', 1e23],
      ['negative', -1],
      ['null', null],
    ])('is refused by name when it is %s', async (_, expected) => {
      const { path } = await changed();
      const answer = await put(`${path}/1`, { expected_revision: expected });
      expect([answer.status, answer.json.error]).toEqual([400, 'expected_revision: must be a whole number, 0 or more']);
      expect((await server.call(alice, 'GET', path)).json.revision).toBe(2);
    });

    test('reveals the revision only to callers who may revert', async () => {
      const { path } = await changed();
      const answer = await server.call('service:web', 'PUT', `${path}/1`, { expected_revision: 7 });
      expect([answer.status, answer.text.includes('revision is')]).toEqual([403, false]);
    });
  },
);

test('expected_revision 0 makes a service only when there is none', async () => {
  const path = `/v1/services/service-${++serial}`;
  const answers = await Promise.all(Array.from({ length: 6 }, () => put(path, { expected_revision: 0 })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(5).fill(409)]);
  const later = await put(`/v1/services/service-${++serial}`, { expected_revision: 1 });
  expect([later.status, later.json.error]).toEqual([409, expect.stringContaining('there is none')]);
});

test('expected_revision reveals the revision only to callers who may update', async () => {
  const path = await KINDS.credential.create();
  const answer = await server.call('service:web', 'PUT', path, { documentation: 'x', expected_revision: 7 });
  expect([answer.status, answer.text.includes('revision is')]).toEqual([403, false]);
});
