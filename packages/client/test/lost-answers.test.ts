import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { credentialWith, deploy } from './support/deployment.js';
import type { Deployment } from './support/deployment.js';
import type { Answer } from './support/http.js';

let at: Deployment;
let answers: Record<string, Answer>;
beforeAll(async () => {
  at = await deploy();
  at.answer(({ method, path }) => answers[`${method} ${path}`]);
});
afterAll(() => at.close());
beforeEach(() => {
  at.server.seen.length = 0;
  at.configure({ retries: 1, backoff: 0.001 });
});

describe('a change whose answer was lost', () => {
  const PUT = 'PUT /v1/credentials/c1';
  const GET = 'GET /v1/credentials/c1?metadata_only=False';
  const METADATA = 'GET /v1/credentials/c1?metadata_only=True';
  const conflict = { status: 409, headers: { 'x-confidant-error': 'write_conflict' }, body: { error: 'conflict' } };
  const thing = (fields: object, revision: number) => ({
    body: { ...credentialWith('c1', {}), credential_keys: [], ...fields, revision },
  });
  /** The first request of this kind is carried out, and its connection ends; then there are other answers. */
  const losing = (request: string, before: Record<string, Answer>, after: Record<string, Answer>): void => {
    answers = {
      ...before,
      get [request]() {
        answers = after;
        return { drop: true as const };
      },
    };
  };

  const update = ['update_credential', '--id', 'c1', '--expected-revision', '3', '--documentation', 'new'];

  it('is found done by --expected-revision', async () => {
    losing(PUT, {}, { [PUT]: conflict, [METADATA]: thing({ documentation: 'new' }, 4) });
    const end = await at.call(update);
    expect(end.code).toBe(0);
    expect(JSON.parse(end.stdout)).toMatchObject({ credential: { revision: 4, documentation: 'new' } });
  });

  it.each([
    ['another change came after it', thing({ documentation: 'new' }, 5)],
    ['the revision after it is of somebody else', thing({ documentation: 'other' }, 4)],
  ])('is told as unknown where %s', async (_, now) => {
    losing(PUT, {}, { [PUT]: conflict, [METADATA]: now });
    const end = await at.call(update);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('nobody knows whether the change was made');
  });

  it('is no question where the first answer came: it was refused, and nothing was changed', async () => {
    answers = { [PUT]: conflict };
    const end = await at.call(update);
    expect([end.code, end.stderr.includes('nobody knows')]).toEqual([1, false]);
  });

  it.each([[[]], [['--expected-revision', '3']]])('is found done by --merge %s', async (expecting) => {
    const [before, after] = [thing({ credential_pairs: { a: '1' } }, 3), thing({ credential_pairs: { a: '2' } }, 4)];
    losing(PUT, { [GET]: before }, { [PUT]: conflict, [GET]: after });
    const merge = ['update_credential', '--id', 'c1', '--merge', '--credential-pairs', '{"A": "2"}', ...expecting];
    at.server.seen.length = 0;
    expect((await at.call(merge)).code).toBe(0);
    expect(at.server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(2);
  });

  it.each([
    ['one that was kept before its answer', [PUT]],
    ['one that nobody else changed', []],
  ])('of --merge --expected-revision is told exactly: %s', async (_, [lost]) => {
    const [before, after] = [thing({ credential_pairs: { a: '1' } }, 3), thing({ credential_pairs: { a: '9' } }, 4)];
    const now = { [PUT]: conflict, [GET]: after };
    if (lost !== undefined) losing(lost, { [GET]: before }, now);
    else {
      answers = {
        [GET]: before,
        get [PUT]() {
          answers = now;
          return conflict;
        },
      };
    }
    const merge = ['update_credential', '--id', 'c1', '--merge', '--credential-pairs', '{"a": "2"}'];
    const end = await at.call([...merge, '--expected-revision', '3']);
    expect([end.code, end.stderr]).toEqual([
      1,
      lost === undefined
        ? 'confidant: error: --expected-revision 3: the current revision is 4, and nothing was changed\n'
        : expect.stringContaining('nobody knows whether the change was made'),
    ]);
    // Nothing is tried again that could only be refused.
    expect(at.server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(lost === undefined ? 1 : 2);
  });

  describe('of a revert with --expected-revision', () => {
    const revert = 'PUT /v1/credentials/c1/2';
    const difference = 'GET /v1/credentials/c1/2/4';
    const args = ['revert_credential', '--id', 'c1', '--revision', '2', '--expected-revision', '3'];
    const onlyWho = {
      body: { modified_by: { added: 'a', removed: 'b' }, modified_date: { added: 'c', removed: 'd' } },
    };
    const other = { body: { ...onlyWho.body, credential_pairs: { added: ['a'], removed: ['a'] } } };

    it('is found done where the revision after it is as that which it goes back to', async () => {
      losing(revert, {}, { [revert]: conflict, [METADATA]: thing({}, 4), [difference]: onlyWho });
      const end = await at.call(args);
      expect([end.code, JSON.parse(end.stdout)]).toMatchObject([0, { credential: { revision: 4 } }]);
      expect(at.server.seen[0]!.body).toBe('{"expected_revision":3}');
    });

    it.each([
      ['is otherwise', thing({}, 4), other],
      ['is not shown', thing({}, 4), { status: 403, body: { error: 'no' } }],
      ['is not the current one', thing({}, 5), onlyWho],
    ])('is told as unknown where that %s', async (_, now, answer) => {
      losing(revert, {}, { [revert]: conflict, [METADATA]: now, [difference]: answer });
      const end = await at.call(args);
      expect([end.code, end.stderr.includes('nobody knows whether the change was made')]).toEqual([1, true]);
    });

    it('is no question where the first answer came', async () => {
      answers = { [revert]: conflict };
      const end = await at.call(args);
      expect([end.code, end.stderr.includes('nobody knows')]).toEqual([1, false]);
    });
  });

  it.each([
    ['on a new connection', ['--revision', '2']],
    ['on one that was used before', []],
  ])('is found done by a revert, %s', async (_, options) => {
    const revert = 'PUT /v1/credentials/c1/2';
    const none = { status: 400, headers: { 'x-confidant-error': 'no_difference' }, body: { error: 'No difference' } };
    const revisions = { body: { revisions: [{ revision: 3 }, { revision: 2 }], next_page: null } };
    const history = { 'GET /v1/archive/credentials/c1': revisions };
    // Without repetitions of the client's, the transport still sends it again over a new connection.
    if (options.length === 0) at.configure({ retries: 0 });
    losing(revert, history, { ...history, [revert]: none, [METADATA]: thing({}, 4) });
    const args = ['revert_credential', '--id', 'c1', ...options];
    const end = await at.call(args);
    expect(end.code).toBe(0);
    expect(JSON.parse(end.stdout)).toMatchObject({ credential: { revision: 4 } });
    // Where no answer was lost, there was nothing to do from the start.
    expect(await at.call(args)).toMatchObject({ code: 1 });
  });
});

it('a merge is refused where the server does not show the old values, and nothing is written', async () => {
  const hidden = { ...credentialWith('c1', {}), credential_keys: ['db_user', 'db_password'] };
  answers = { 'GET /v1/credentials/c1?metadata_only=False': { body: hidden } };
  const end = await at.call(['update_credential', '--id', 'c1', '--unset', 'db_user']);
  expect(end.code).toBe(1);
  expect(end.stderr).toContain('does not show you the values of c1');
  expect(at.server.seen.map(({ method }) => method)).toEqual(['GET']);
});

it('a merge whose answer was lost and which is found done is a success, and written once', async () => {
  const stored = (pairs: Record<string, string>, revision: number) => ({
    body: { ...credentialWith('c1', pairs), credential_keys: Object.keys(pairs), revision },
  });
  const [get, put] = ['GET /v1/credentials/c1?metadata_only=False', 'PUT /v1/credentials/c1'];
  answers = {
    [get]: stored({ a: '1', b: '2' }, 4),
    // What the SDK's repetition of the first PUT is told.
    get [put]() {
      answers = { [get]: stored({ a: '1' }, 5) };
      return {
        status: 409,
        headers: { 'x-confidant-error': 'write_conflict' },
        body: { error: 'expected_revision' },
      };
    },
  };
  const end = await at.call(['update_credential', '--id', 'c1', '--unset', 'b']);
  expect(end).toMatchObject({ code: 0, stderr: 'confidant: stored: a\n' });
  expect(JSON.parse(end.stdout)).toMatchObject({ credential: { revision: 5 } });
  expect(at.server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(1);
});
