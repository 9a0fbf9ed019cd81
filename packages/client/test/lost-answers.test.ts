import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { describeError } from '../src/cli/failures/describe-error.js';
import { ConfidantError } from '../src/sdk/errors.js';
import { credentialWith, deploy, serviceWith, type Deployment } from './support/deployment.js';
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

describe('a change whose response was lost', () => {
  const PUT = 'PUT /v1/credentials/c1';
  const GET = 'GET /v1/credentials/c1?metadata_only=False';
  const METADATA = 'GET /v1/credentials/c1?metadata_only=True';
  const conflict = { status: 409, headers: { 'x-confidant-error': 'write_conflict' }, body: { error: 'conflict' } };
  const thing = (fields: object, revision: number) => ({
    body: { ...credentialWith('c1', {}), credential_keys: [], ...fields, revision },
  });
  /** Drops the connection of the first such request without a response; from then on, the answers are those in `after`. */
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

  test('an update with --expected-revision succeeds if the next revision has its changes', async () => {
    losing(PUT, {}, { [PUT]: conflict, [METADATA]: thing({ documentation: 'new' }, 4) });
    const end = await at.call(update);
    expect(end.code).toBe(0);
    expect(JSON.parse(end.stdout)).toMatchObject({ credential: { revision: 4, documentation: 'new' } });
  });

  test.each([
    ['another revision follows that one', thing({ documentation: 'new' }, 5)],
    ['the next revision is a different one', thing({ documentation: 'other' }, 4)],
  ])('an update with --expected-revision is reported as unknown if %s', async (_, now) => {
    losing(PUT, {}, { [PUT]: conflict, [METADATA]: now });
    const end = await at.call(update);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('it is unknown whether the change was made');
  });

  test('a conflict as the first response to an update is an error that says that nothing was changed', async () => {
    answers = { [PUT]: conflict };
    const end = await at.call(update);
    expect([end.code, end.stderr]).toEqual([
      1,
      'confidant: error: PUT /v1/credentials/c1 answered 409: conflict; nothing was changed\n',
    ]);
  });

  describe('if the client cannot find out whether it was made', () => {
    const [revert, SERVICE] = ['PUT /v1/credentials/c1/2', 'GET /v1/services/web?metadata_only=True'];
    const none = { status: 400, headers: { 'x-confidant-error': 'no_difference' }, body: { error: 'No difference' } };
    const before = { [GET]: thing({ credential_pairs: { a: '1' } }, 3), [SERVICE]: { body: serviceWith({}) } };
    const merge = ['update_credential', '--id', 'c1', '--merge', '--credential-pairs', '{"a": "2"}'];
    const changes: [string, string, string[], Answer][] = [
      ['update', PUT, update, conflict],
      ['merge', PUT, merge, conflict],
      ['merge with --expected-revision', PUT, [...merge, '--expected-revision', '3'], conflict],
      ['revert', revert, ['revert_credential', '--id', 'c1', '--revision', '2'], none],
      [
        'revert with --expected-revision',
        revert,
        ['revert_credential', '--id', 'c1', '--revision', '2', '--expected-revision', '3'],
        conflict,
      ],
      ['map', 'PUT /v1/services/web', ['map', '--service', 'web', '--cred-ids', 'c2'], conflict],
      ['add_creds', 'PUT /v1/services/web', ['add_creds', '--service-id', 'web', '--cred-ids', 'c2'], conflict],
    ];
    const failures: [string, Answer, string][] = [
      ['reading is not allowed', { status: 403, body: { error: 'not authorized' } }, 'answered 403: not authorized'],
      ['the server is unavailable', { status: 503, body: { error: 'away' } }, 'answered 503: away'],
      ['the connection breaks', { drop: true }, 'cannot reach'],
    ];
    test.each(
      changes.flatMap(([what, ...change]) =>
        failures.map(([why, failure, words]) => [what, why, change, failure, words] as const),
      ),
    )(
      'a %s is reported as unknown, with the reason, if %s',
      async (_what, _why, [request, args, refusal], failure, words) => {
        losing(request, before, { [request]: refusal, [GET]: failure, [METADATA]: failure, [SERVICE]: failure });
        const end = await at.call(args);
        expect(end.code).toBe(1);
        expect(end.stderr).toContain('error: it is unknown whether the change was made: ');
        expect(end.stderr).toContain(
          `and then GET ${request.includes('web') ? '/v1/services/web' : '/v1/credentials/c1'}`,
        );
        expect(end.stderr).toContain(words);
        expect(end.stderr.includes('You authenticated as service web')).toBe(failure.status === 403);
        expect(JSON.parse(end.stdout)).toMatchObject({
          result: false,
          error: expect.stringContaining('it is unknown') as string,
        });
      },
    );

    test('a merge that conflicts again at every attempt is reported as unknown', async () => {
      losing(PUT, before, { ...before, [PUT]: conflict });
      const end = await at.call(merge);
      expect([end.code, end.stderr]).toEqual([
        1,
        expect.stringMatching(
          /error: it is unknown whether the change was made: .*, and then PUT .* answered 409/,
        ) as string,
      ]);
      expect(end.stderr).not.toContain('nothing was changed');
    });

    test.each(
      changes.flatMap(([what, request, args]) =>
        [401, 403, 404].map((status) => [what, status, request, args] as const),
      ),
    )('a %s is reported as unknown if its retry is answered %i', async (_, status, request, args) => {
      losing(request, before, { ...before, [request]: { status, body: { error: 'not now' } } });
      const end = await at.call(args);
      expect(end.code).toBe(1);
      expect(end.stderr).toMatch(
        new RegExp(`error: it is unknown whether the change was made: .*, and then PUT .* answered ${status}: not now`),
      );
      // The hint about the likely reason is printed all the same.
      expect(end.stderr.includes('You authenticated as service web')).toBe(status !== 404);
    });

    test.each([
      ['map', ['map', '--service', 'web', '--cred-ids', 'c2'], SERVICE, 403],
      ['remove_creds', ['remove_creds', '--service-id', 'web', '--cred-ids', 'c2'], SERVICE, 404],
      ['merge', merge, GET, 404],
    ])('a %s is not reported as unknown if it fails before anything was written', async (_, args, reading, status) => {
      const refused = { status, body: { error: 'not now' } };
      losing(reading, before, { ...before, [reading]: refused });
      const end = await at.call(args);
      expect([end.code, at.server.seen.map(({ method }) => method)]).toEqual([1, ['GET', 'GET']]);
      expect(end.stderr).toContain(`answered ${status}: not now`);
      expect(end.stderr).not.toContain('it is unknown');
    });

    test.each([401, 403, 404])('an update is not reported as unknown if its first response is %i', async (status) => {
      answers = { [PUT]: { status, body: { error: 'not now' } } };
      const end = await at.call(update);
      expect(end.code).toBe(1);
      expect(end.stderr).toContain(`PUT /v1/credentials/c1 answered ${status}: not now`);
      expect(end.stderr).not.toContain('it is unknown');
    });

    test('an update without --expected-revision is reported as unknown if its retry is a conflict', async () => {
      losing(PUT, {}, { [PUT]: conflict });
      const end = await at.call(['update_credential', '--id', 'c1', '--documentation', 'new']);
      expect([end.code, end.stderr]).toEqual([
        1,
        expect.stringContaining('it is unknown whether the change was made') as string,
      ]);
    });
  });

  test.each([[[]], [['--expected-revision', '3']]])(
    'a merge succeeds if the next revision has its changes (options: %j)',
    async (expecting) => {
      const [before, after] = [thing({ credential_pairs: { a: '1' } }, 3), thing({ credential_pairs: { a: '2' } }, 4)];
      losing(PUT, { [GET]: before }, { [PUT]: conflict, [GET]: after });
      const merge = ['update_credential', '--id', 'c1', '--merge', '--credential-pairs', '{"A": "2"}', ...expecting];
      at.server.seen.length = 0;
      expect((await at.call(merge)).code).toBe(0);
      expect(at.server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(2);
    },
  );

  test.each([
    ['unknown if the first response was lost', [PUT]],
    ['not made if the first response came', []],
  ])('a merge with --expected-revision that conflicts is reported as %s', async (_, [lost]) => {
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
        : expect.stringContaining('it is unknown whether the change was made'),
    ]);
    // A conflict that --expected-revision makes final is not retried.
    expect(at.server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(lost === undefined ? 1 : 2);
  });

  describe('a revert of a credential with --expected-revision', () => {
    const revert = 'PUT /v1/credentials/c1/2';
    const difference = 'GET /v1/credentials/c1/2/4';
    const args = ['revert_credential', '--id', 'c1', '--revision', '2', '--expected-revision', '3'];
    const onlyWho = {
      body: { modified_by: { added: 'a', removed: 'b' }, modified_date: { added: 'c', removed: 'd' } },
    };
    const other = { body: { ...onlyWho.body, credential_pairs: { added: ['a'], removed: ['a'] } } };

    test('a revert succeeds if the next revision equals the one that it restores', async () => {
      losing(revert, {}, { [revert]: conflict, [METADATA]: thing({}, 4), [difference]: onlyWho });
      const end = await at.call(args);
      expect([end.code, JSON.parse(end.stdout)]).toMatchObject([0, { credential: { revision: 4 } }]);
      expect(at.server.seen[0]!.body).toBe('{"expected_revision":3}');
    });

    test.each([
      ['differs', thing({}, 4), other],
      ['may not be read', thing({}, 4), { status: 403, body: { error: 'no' } }],
      ['is no longer the current one', thing({}, 5), onlyWho],
    ])('a revert is reported as unknown if the next revision %s', async (_, now, answer) => {
      const differences = { [difference]: answer, 'GET /v1/credentials/c1/2/5': answer };
      losing(revert, {}, { [revert]: conflict, [METADATA]: now, ...differences });
      const end = await at.call(args);
      expect([end.code, end.stderr.includes('it is unknown whether the change was made')]).toEqual([1, true]);
    });

    test('a conflict as the first response to a revert is an error that says that nothing was changed', async () => {
      answers = { [revert]: conflict };
      const end = await at.call(args);
      expect(end.code).toBe(1);
      expect(end.stderr).toContain('PUT /v1/credentials/c1/2 answered 409: conflict; nothing was changed\n');
    });
  });

  describe('a revert of a service or blind credential with --expected-revision', () => {
    const who = { modified_by: 'a', modified_date: 'c' };
    const sealed = (revision: number, ciphertext: string, fields: object = {}) => ({
      ...{ id: 'x', name: 'x', revision, credential_keys: [], credential_pairs: { 'us-east-1': ciphertext } },
      ...{ data_key: { 'us-east-1': 'k' }, metadata: {}, enabled: true, cipher_type: 'fernet', cipher_version: 2 },
      ...{ ...who, modified_by: `user ${revision}`, ...fields },
    });
    const revisions = (now: object) => ({
      body: { revisions: [now, sealed(3, 'new'), sealed(2, 'old')], next_page: null },
    });
    const isDone = { modified_by: { added: 'a', removed: 'b' }, modified_date: { added: 'c', removed: 'd' } };
    const isNot = { ...isDone, enabled: { added: true, removed: false } };
    const service = (diff: Answer) => ({
      'GET /v1/services/x?metadata_only=True': { body: { ...serviceWith({}), id: 'x', revision: 4 } },
      'GET /v1/services/x/2/4': diff,
    });
    const blind = (now: object) => ({
      'GET /v1/blind_credentials/x': { body: now },
      'GET /v1/archive/blind_credentials/x': revisions(now),
    });
    test.each<[string, 'service' | 'blind_credential', boolean, Record<string, Answer>]>([
      [
        'of a service succeeds if the next revision equals the one that it restores',
        'service',
        true,
        service({ body: isDone }),
      ],
      ['of a service is reported as unknown if the next revision differs', 'service', false, service({ body: isNot })],
      [
        'of a service is reported as unknown if the next revision may not be read',
        'service',
        false,
        service({ status: 403, body: { error: 'no' } }),
      ],
      [
        'of a blind credential succeeds if the next revision equals the one that it restores',
        'blind_credential',
        true,
        blind(sealed(4, 'old')),
      ],
      [
        'of a blind credential is reported as unknown if the ciphertext differs',
        'blind_credential',
        false,
        blind(sealed(4, 'other')),
      ],
      [
        'of a blind credential is reported as unknown if the next revision is disabled',
        'blind_credential',
        false,
        blind(sealed(4, 'old', { enabled: false })),
      ],
      [
        'of a blind credential is reported as unknown if the ciphertext is not shown',
        'blind_credential',
        false,
        blind(sealed(4, 'old', { credential_pairs: {} })),
      ],
    ])('a revert %s', async (_, kind, done, after) => {
      const put = `PUT /v1/${kind}s/x/2`;
      losing(put, {}, { [put]: conflict, ...after });
      const end = await at.call([`revert_${kind}`, '--id', 'x', '--revision', '2', '--expected-revision', '3']);
      expect([end.code, end.stderr.includes('it is unknown whether the change was made')]).toEqual(
        done ? [0, false] : [1, true],
      );
      if (done) expect(JSON.parse(end.stdout)).toMatchObject({ [kind]: { revision: 4 }, result: true });
    });
  });

  test.each([
    ['if its response was lost', true],
    ['unless somebody else created it first', false],
  ])('map reports that it created a service %s', async (_, isLost) => {
    const [get, put] = ['GET /v1/services/web?metadata_only=True', 'PUT /v1/services/web'];
    const created = { body: serviceWith({}) };
    const after = { [get]: created, [put]: conflict };
    if (isLost) losing(put, {}, after);
    else {
      answers = {
        get [put]() {
          answers = after;
          return conflict;
        },
      };
    }
    const end = await at.call(['map', '--service', 'web', '--cred-ids', 'c1']);
    expect([end.code, end.stderr]).toEqual([0, isLost ? 'confidant: created the service web\n' : '']);
  });

  test('map reports that it created a service even if somebody has changed the service since', async () => {
    const [get, put] = ['GET /v1/services/web?metadata_only=True', 'PUT /v1/services/web'];
    const changed = { [get]: { body: { ...serviceWith({}), credentials: [], revision: 2 } } };
    const after = {
      ...changed,
      get [put]() {
        answers = { ...changed, [put]: { body: { ...serviceWith({}), revision: 3 } } };
        return conflict;
      },
    };
    losing(put, {}, after);
    const end = await at.call(['map', '--service', 'web', '--cred-ids', 'c1']);
    expect([end.code, end.stderr]).toEqual([0, 'confidant: created the service web\n']);
  });

  test('a conflict at the second attempt does not claim that nothing was changed', () => {
    const refusal = new ConfidantError('PUT answered 409', { code: 'write_conflict', status: 409 });
    expect(describeError(refusal)).toBe('PUT answered 409; nothing was changed');
    refusal.attempts = 2;
    expect(describeError(refusal)).toBe('PUT answered 409');
  });

  test.each([
    ['on a new connection', ['--revision', '2']],
    ['on a reused connection', []],
  ])('a revert that finds no difference succeeds if its first response was lost %s', async (_, options) => {
    const revert = 'PUT /v1/credentials/c1/2';
    const none = { status: 400, headers: { 'x-confidant-error': 'no_difference' }, body: { error: 'No difference' } };
    const revisions = { body: { revisions: [{ revision: 3 }, { revision: 2 }], next_page: null } };
    const history = { 'GET /v1/archive/credentials/c1': revisions };
    // Even without retries of the client, the transport sends the request again over a new connection.
    if (options.length === 0) at.configure({ retries: 0 });
    losing(revert, history, { ...history, [revert]: none, [METADATA]: thing({}, 4) });
    const args = ['revert_credential', '--id', 'c1', ...options];
    const end = await at.call(args);
    expect(end.code).toBe(0);
    expect(JSON.parse(end.stdout)).toMatchObject({ credential: { revision: 4 } });
    // If no response was lost, a revert without a difference is an error.
    expect(await at.call(args)).toMatchObject({ code: 1 });
  });
});

describe('a revert without --revision', () => {
  const reverts: [string, string, string, string][] = [
    ['revert_credential', 'credentials', '?metadata_only=True', 'credential'],
    ['revert_service', 'services', '?metadata_only=True', 'service'],
    ['revert_blind_credential', 'blind_credentials', '', 'blind_credential'],
  ];
  const history = { body: { revisions: [{ revision: 2 }, { revision: 3 }], next_page: null } };
  const refused = {
    status: 409,
    headers: { 'x-confidant-error': 'write_conflict' },
    body: { error: 'expected_revision: the current revision is 4.' },
  };

  test.each(reverts)(
    '%s expects the revision that it read as the current one, or the one of --expected-revision',
    async (command, kind) => {
      answers = { [`GET /v1/archive/${kind}/x`]: history, [`PUT /v1/${kind}/x/2`]: { body: { id: 'x', revision: 4 } } };
      expect((await at.call([command, '--id', 'x'])).code).toBe(0);
      expect((await at.call([command, '--id', 'x', '--expected-revision', '7'])).code).toBe(0);
      expect((await at.call([command, '--id', 'x', '--revision', '2'])).code).toBe(0);
      const sent = at.server.seen.filter(({ method }) => method === 'PUT').map(({ body }) => body);
      expect(sent).toEqual(['{"expected_revision":3}', '{"expected_revision":7}', '']);
    },
  );

  test.each(
    reverts.flatMap(([command, kind, query]) =>
      (
        [
          [{ body: { id: 'x', revision: 4 } }, 'somebody wrote revision 4 in between; run the command again'],
          [{ status: 403, body: { error: 'no' } }, 'somebody changed it in between; run the command again'],
          [
            { body: { id: 'x', revision: 2 } },
            'the current revision is 2, and the history goes on to 3; choose one with --revision',
          ],
        ] as const
      ).map(([now, words]) => [command, words, kind, query, now] as const),
    ),
  )(
    '%s changes nothing if the revision that it read is not the current one: %s',
    async (command, words, kind, query, now) => {
      answers = {
        [`GET /v1/archive/${kind}/x`]: history,
        [`PUT /v1/${kind}/x/2`]: refused,
        [`GET /v1/${kind}/x${query}`]: now,
      };
      const end = await at.call([command, '--id', 'x']);
      expect([end.code, end.stderr.split('\n')[1]]).toEqual([1, `confidant: error: nothing was changed: ${words}`]);
    },
  );
});

test('a merge is refused if the server does not show the old values, and nothing is written', async () => {
  const hidden = { ...credentialWith('c1', {}), credential_keys: ['db_user', 'db_password'] };
  answers = { 'GET /v1/credentials/c1?metadata_only=False': { body: hidden } };
  const end = await at.call(['update_credential', '--id', 'c1', '--unset', 'db_user']);
  expect(end.code).toBe(1);
  expect(end.stderr).toContain('does not show you the values of c1');
  expect(at.server.seen.map(({ method }) => method)).toEqual(['GET']);
});

test('a merge whose response was lost succeeds if its change is found, and writes it once', async () => {
  const stored = (pairs: Record<string, string>, revision: number) => ({
    body: { ...credentialWith('c1', pairs), credential_keys: Object.keys(pairs), revision },
  });
  const [get, put] = ['GET /v1/credentials/c1?metadata_only=False', 'PUT /v1/credentials/c1'];
  answers = {
    [get]: stored({ a: '1', b: '2' }, 4),
    // This is the response to the SDK's retry of the first PUT.
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
