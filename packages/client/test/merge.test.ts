import { createServer } from 'node:http';
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callCli, PATIENT, runCli } from './support/cli.js';
import { clientEnvironment, startEmbeddedServer, type EmbeddedServer } from './support/embedded-server.js';
import { close, listen, wholeBody } from './support/http.js';

// Some steps run several processes at once.
let server: EmbeddedServer;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startEmbeddedServer();
  env = clientEnvironment(server.dataDir);
});
afterAll(() => server.stop());

const call = (...args: string[]) => callCli([...PATIENT, ...args], env);
const run = (...args: string[]) => runCli([...PATIENT, ...args], { env });

let serial = 0;
async function create(pairs: string): Promise<string> {
  const created = await call(
    'create_credential',
    '--name',
    `c${++serial}`,
    '--credential-pairs',
    pairs,
    '--output',
    'id',
  );
  expect(created.code).toBe(0);
  return created.stdout.trim();
}

/** Returns the values with their exact numbers, as `get_credential` prints them, and the revision. */
async function stored(id: string): Promise<{ pairs: string; revision: number }> {
  const { stdout } = await call('get_credential', '--id', id);
  const { credential } = JSON.parse(stdout) as { credential: { revision: number } };
  return {
    pairs: /"credential_pairs": (\{.*?\})/s.exec(stdout)![1]!.replace(/\s+/g, ' '),
    revision: credential.revision,
  };
}

describe('update_credential --merge', () => {
  test('--merge changes the given keys in lower case, and leaves the others exactly as they are', async () => {
    const id = await create('{"user": "u", "password": "old", "big": 12345678901234567890}');
    const end = await call(
      'update_credential',
      '--id',
      id,
      '--merge',
      '--credential-pairs',
      '{"PASSWORD": "new", "x": 1}',
    );
    expect(end).toMatchObject({ code: 0, stderr: 'confidant: stored: user, password, big, x\n' });
    expect(end.stdout).not.toContain('new');
    expect(await stored(id)).toEqual({
      pairs: '{ "big": 12345678901234567890, "password": "new", "user": "u", "x": 1 }',
      revision: 2,
    });
  });

  test('--unset removes keys, with or without others that change', async () => {
    const id = await create('{"a": "1", "b": "2", "c": "3"}');
    expect((await call('update_credential', '--id', id, '--unset', 'A')).code).toBe(0);
    const both = ['--merge', '--unset', 'b', '--credential-pairs', '{"c": "4"}'];
    expect((await call('update_credential', '--id', id, ...both)).code).toBe(0);
    expect(await stored(id)).toEqual({ pairs: '{ "c": "4" }', revision: 3 });
  });

  test.each([
    ['a merge without changes', ['--merge'], '--merge needs --credential-pairs or --prompt'],
    ['a missing key to unset', ['--unset', 'aa'], 'there is no key aa'],
    [
      'a key that is both set and unset',
      ['--unset', 'A', '--credential-pairs', '{"a": "2"}'],
      'the same key cannot be set and unset: a',
    ],
    ['two spellings of one key', ['--merge', '--credential-pairs', '{"B": "2", "b": "3"}'], 'upper and lower case'],
    ['to leave a credential without pairs', ['--unset', 'a'], 'no pair would remain'],
  ])('--merge and --unset refuse %s, and write nothing', async (_, options, words) => {
    const id = await create('{"a": "1"}');
    const end = await call('update_credential', '--id', id, ...options);
    expect(end.code).not.toBe(0);
    expect(end.stderr + end.stdout).toContain(words);
    expect(await stored(id)).toEqual({ pairs: '{ "a": "1" }', revision: 1 });
  });

  test('a merge that would change nothing succeeds and writes nothing', async () => {
    const id = await create('{"a": "1", "b": "2"}');
    const again = ['--merge', '--credential-pairs', '{"a": "1"}'];
    const end = await call('update_credential', '--id', id, ...again);
    expect([end.code, end.stderr]).toEqual([0, 'confidant: nothing to change: revision 1 is still the current one\n']);
    expect((await stored(id)).revision).toBe(1);
    expect((await call('update_credential', '--id', id, ...again, '--documentation', 'd')).code).toBe(0);
    expect((await stored(id)).revision).toBe(2);
  });

  test('a merge loses no change that others make at the same time', async () => {
    const id = await create('{"first": "0"}');
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    const ends = await Promise.all(
      keys.map((key) => run('update_credential', '--id', id, '--merge', '--credential-pairs', `{"${key}": "${key}"}`)),
    );
    expect(ends.map(({ code }) => code)).toEqual(keys.map(() => 0));
    expect(await stored(id)).toEqual({
      pairs: `{ ${[...keys.map((key) => `"${key}": "${key}"`), '"first": "0"'].join(', ')} }`,
      revision: 7,
    });
  });
});

test('--expected-revision changes nothing when another revision is the current one', async () => {
  const id = await create('{"a": "1"}');
  const update = (revision: string, ...more: string[]) =>
    call('update_credential', '--id', id, '--expected-revision', revision, ...more);
  expect((await update('1', '--documentation', 'rotate it')).code).toBe(0);
  for (const change of [
    ['--documentation', 'x'],
    ['--merge', '--credential-pairs', '{"a": "2"}'],
  ]) {
    const end = await update('1', ...change);
    expect(end.code).not.toBe(0);
    expect(end.stderr).toContain('the current revision is 2');
  }
  expect(await update('2')).toMatchObject({ code: 1, stdout: expect.stringContaining('No changes') as string });
  expect(await stored(id)).toEqual({ pairs: '{ "a": "1" }', revision: 2 });
});

test('map, add_creds and remove_creds lose nothing of what others map at the same time, to a new service too', async () => {
  const ids: string[] = [];
  for (const key of ['u', 'v', 'w', 'x', 'y', 'z']) ids.push(await create(`{"${key}": "1"}`));
  const mapped = async (): Promise<string[]> => {
    const { stdout } = await call('get_service', '--service', 'busy', '--metadata-only');
    const { service } = JSON.parse(stdout) as { service: { credentials: { id: string }[] } };
    return service.credentials.map(({ id }) => id).sort();
  };
  const mapping = await Promise.all(
    ids.map((id, n) =>
      n % 2 === 0
        ? run('map', '--service', 'busy', '--cred-ids', id)
        : run('add_creds', '--service-id', 'busy', '--cred-ids', id),
    ),
  );
  expect(mapping.map(({ code }) => code)).toEqual(ids.map(() => 0));
  expect(await mapped()).toEqual([...ids].sort());
  const removing = await Promise.all(
    ids.slice(1).map((id) => run('remove_creds', '--service-id', 'busy', '--cred-ids', id)),
  );
  expect(removing.map(({ code }) => code)).toEqual(ids.slice(1).map(() => 0));
  expect(await mapped()).toEqual([ids[0]]);
});

describe('update_blind_credential --merge', () => {
  const keys = ['--blind-keys', '{"us-east-1": "alias/blind-merge"}'];
  beforeAll(async () => {
    const kms = new KMSClient({
      region: 'us-east-1',
      endpoint: env['AWS_ENDPOINT_URL_KMS']!,
      credentials: { accessKeyId: env['AWS_ACCESS_KEY_ID']!, secretAccessKey: env['AWS_SECRET_ACCESS_KEY']! },
    });
    const { KeyMetadata: key } = await kms.send(new CreateKeyCommand({}));
    await kms.send(new CreateAliasCommand({ AliasName: 'alias/blind-merge', TargetKeyId: key!.KeyId }));
    kms.destroy();
  });

  async function createBlind(...more: string[]): Promise<string> {
    const context = ['--group-context', '{"group": "web"}'];
    const pairs = ['--credential-pairs', '{"Cert": "c", "Key": "old"}'];
    const name = ['--name', `blind ${++serial}`, '--output', 'id'];
    const created = await call('create_blind_credential', ...name, ...keys, ...context, ...pairs, ...more);
    expect(created).toMatchObject({ code: 0 });
    return created.stdout.trim();
  }
  async function opened(id: string): Promise<object> {
    const { stdout } = await call('get_blind_credential', '--id', id, '--decrypt-blind');
    return (JSON.parse(stdout) as { blind_credential: object }).blind_credential;
  }

  test('a merge decrypts the old pairs and encrypts them with the changes, under the stored context', async () => {
    const id = await createBlind();
    const change = ['--merge', '--credential-pairs', '{"Key": "new"}', '--unset', 'Cert'];
    expect(await call('update_blind_credential', '--id', id, ...keys, ...change)).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await opened(id)).toMatchObject({
      revision: 2,
      decrypted_credential_pairs: { Key: 'new' },
      credential_keys: ['Key'],
    });
  });

  test('a merge loses no change that others make at the same time', async () => {
    const id = await createBlind();
    const ends = await Promise.all(
      ['a', 'b', 'c'].map((key) =>
        run('update_blind_credential', '--id', id, ...keys, '--merge', '--credential-pairs', `{"${key}": "${key}"}`),
      ),
    );
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(await opened(id)).toMatchObject({
      revision: 4,
      decrypted_credential_pairs: { Cert: 'c', Key: 'old', a: 'a', b: 'b', c: 'c' },
    });
  });

  test('a merge or revert is refused if --expected-revision is not the current one', async () => {
    const id = await createBlind();
    const change = ['--id', id, ...keys, '--merge', '--credential-pairs', '{"Key": "new"}', '--expected-revision'];
    const refused = await call('update_blind_credential', ...change, '2');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      'confidant: error: --expected-revision 2: the current revision is 1, and nothing was changed\n',
    ]);
    expect(await call('update_blind_credential', ...change, '1')).toMatchObject({ code: 0 });
    const revert = ['revert_blind_credential', '--id', id, '--revision', '1', '--expected-revision'];
    expect(await call(...revert, '1')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the current revision is 2') as string,
    });
    expect(await call(...revert, '2')).toMatchObject({ code: 0 });
    expect(await opened(id)).toMatchObject({ revision: 3, decrypted_credential_pairs: { Key: 'old' } });
  });

  describe('if the response was lost', () => {
    /** Runs `work` with a proxy that loses the response to the first PUT; `then` runs right after that PUT. Returns the number of PUTs. */
    async function losingOne(then: () => Promise<unknown>, work: (url: string) => Promise<void>): Promise<number> {
      let puts = 0;
      const proxy = createServer((request, response) => {
        void wholeBody(request).then(async (body) => {
          if (body === undefined) return;
          const { method, url, headers } = request;
          const answer = await fetch(`${server.url}${url}`, {
            method: method!,
            headers: { authorization: headers.authorization!, 'content-type': 'application/json' },
            ...(method === 'PUT' ? { body } : {}),
          });
          const text = await answer.text();
          if (method === 'PUT' && ++puts === 1) {
            await then();
            request.socket.destroy();
            return;
          }
          response.writeHead(answer.status, { 'x-confidant-error': answer.headers.get('x-confidant-error') ?? '' });
          response.end(text);
        });
      });
      try {
        await work(await listen(proxy));
      } finally {
        await close(proxy);
      }
      return puts;
    }
    const merging = (id: string, url: string, ...more: string[]) => {
      const change = ['--merge', '--credential-pairs', '{"Key": "new"}', ...more];
      return call('--url', url, 'update_blind_credential', '--id', id, ...keys, ...change);
    };

    test.each([[[]], [['--expected-revision', '1']]])(
      'a merge succeeds if its change is found, and writes it once (options: %j)',
      async (expecting) => {
        const id = await createBlind();
        const puts = await losingOne(
          async () => undefined,
          async (url) => expect(await merging(id, url, ...expecting)).toMatchObject({ code: 0, stderr: '' }),
        );
        // The request and its retry, which was refused.
        expect(puts).toBe(2);
        expect(await opened(id)).toMatchObject({ revision: 2, decrypted_credential_pairs: { Cert: 'c', Key: 'new' } });
      },
    );

    test('a merge with --expected-revision is reported as unknown if somebody else changed the same key since', async () => {
      const id = await createBlind();
      const other = [
        'update_blind_credential',
        '--id',
        id,
        ...keys,
        '--merge',
        '--credential-pairs',
        '{"Key": "other"}',
      ];
      await losingOne(
        () => run(...other),
        async (url) => {
          const end = await merging(id, url, '--expected-revision', '1');
          expect(end.code).toBe(1);
          expect(end.stderr).toContain('it is unknown whether the change was made');
          expect(end.stderr).toContain('the current revision is 3');
        },
      );
      expect(await opened(id)).toMatchObject({ revision: 3, decrypted_credential_pairs: { Key: 'other' } });
    });
  });

  test('a merge does not send names of keys that were not sent before', async () => {
    const id = await createBlind('--no-store-keys');
    await call('update_blind_credential', '--id', id, ...keys, '--merge', '--credential-pairs', '{"Key": "new"}');
    expect(await opened(id)).toMatchObject({ revision: 2, credential_keys: [] });
  });
});

test('--expected-revision of a revert lets only that revision of a credential or service be reverted', async () => {
  const id = await create('{"a": "1"}');
  await call('update_credential', '--id', id, '--credential-pairs', '{"a": "2"}');
  const service = ['--id', 'reverted', '--revision', '1'];
  await call('map', '--service', 'reverted', '--cred-ids', id);
  await call('map', '--service', 'reverted', '--cred-ids', id, '--disabled');
  for (const [command, args] of [
    ['revert_credential', ['--id', id, '--revision', '1']],
    ['revert_service', service],
  ] as const) {
    const refused = await call(command, ...args, '--expected-revision', '1');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('the current revision is 2') as string });
    const done = await call(command, ...args, '--expected-revision', '2');
    expect([done.code, /"revision": 3/.test(done.stdout)]).toEqual([0, true]);
  }
});
