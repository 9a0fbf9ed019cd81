import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { renderList } from '../src/cli/output/tables.js';
import { openLog, visible } from '../src/cli/terminal/log.js';
import { resolveNames } from '../src/cli/changes/resolve-names.js';
import { ConfidantClient } from '../src/sdk/client.js';
import { similarTo } from '../src/cli/arguments/similar.js';
import { deploy, type Deployment } from './support/deployment.js';
import type { Answer } from './support/http.js';

let at: Deployment;
let answers: Record<string, Answer>;
beforeAll(async () => {
  at = await deploy();
  at.answer(({ method, path }) => answers[`${method} ${path}`]);
});
afterAll(() => at.close());
beforeEach(() => (answers = {}));

const listing = (credentials: readonly unknown[], further: object = {}) => {
  answers['GET /v1/credentials'] = { body: { credentials, next_page: null, ...further } };
};
const quiet = () => openLog('critical', 'x', new PassThrough());

describe('tables', () => {
  test('long cells are cut, and the last column is not padded', async () => {
    const tags = Array.from({ length: 1000 }, (_, index) => `${index}`.padEnd(256, 't'));
    listing([
      { id: 'a', name: 'n'.repeat(5000), revision: 1, tags },
      { id: 'b', name: 'plain', revision: 1, tags: ['x'] },
    ]);
    const { stdout } = await at.call(['list_credentials', '-o', 'table']);
    const [head, wide, plain] = stdout.split('\n') as [string, string, string];
    expect(wide).toMatch(/^n{99}… {2}a {3}1 +0t+…$/);
    expect(Math.max(head.length, wide.length)).toBeLessThan(250);
    expect(plain).toMatch(/ x$/);
    const whole = JSON.parse((await at.call(['list_credentials'])).stdout) as { credentials: { tags: string[] }[] };
    expect(whole.credentials[0]!.tags).toEqual(tags);
  });

  test('tables with too many rows are refused, because one wide name would fill the memory', () => {
    const credentials = Array.from({ length: 100_001 }, (_, index) => ({ id: `${index}`, name: 'n' }));
    expect(() => renderList({ result: true, credentials }, 'table', quiet())).toThrow('more than 100000 rows');
    expect(renderList({ result: true, credentials }, 'id', quiet())).toHaveLength(588_897);
  });

  test('malformed rows and cells are shown as empty', async () => {
    listing([null, 7, { id: 'a', name: { toString: 1 }, tags: [{ toString: 1, valueOf: 1 }, 'x', null] }]);
    const { code, stdout } = await at.call(['list_credentials', '-o', 'table']);
    expect([code, stdout.split('\n')[3]]).toEqual([0, 'a   x']);
  });

  test('invisible characters are escaped, so that no two names look alike', async () => {
    const names = ['Prod\u200b', 'Prod\u00ad', 'Prod\u061c', 'Prod\ufeff', 'Prod\u{e0041}', 'Prod\u202e', 'Prod\n'];
    listing(names.map((name, index) => ({ id: `${index}`, name })));
    const { stdout } = await at.call(['list_credentials', '-o', 'table']);
    expect(stdout.split('\n').slice(1, -1)).toEqual([
      String.raw`Prod\u200b     0`,
      String.raw`Prod\u00ad     1`,
      String.raw`Prod\u061c     2`,
      String.raw`Prod\ufeff     3`,
      String.raw`Prod\u{e0041}  4`,
      String.raw`Prod\u202e     5`,
      String.raw`Prod\u000a     6`,
    ]);
    expect(visible('a\u200db\tc\nd é 漢')).toBe('a\\u200db\tc\nd é 漢');
  });
});

describe('ids for scripts', () => {
  test('ids with line ends or invisible characters, and rows without an id, are refused', async () => {
    for (const id of ['x\ny', 'x\r', 'x\u001b[2J', 'x\u2028y', 'x\u200b', '', 7, null]) {
      listing([{ id: 'fine' }, { id }]);
      const end = await at.call(['list_credentials', '-o', 'id']);
      expect(end).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/an id that does not fit on a line/) as string,
      });
    }
    answers['GET /v1/credentials/c?metadata_only=False'] = { body: { id: 'x\ny', name: 'n', credential_pairs: {} } };
    expect(await at.call(['get_credential', '--id', 'c', '-o', 'id'])).toMatchObject({ code: 1, stdout: '' });
  });
});

describe('hints', () => {
  test("the server's token for the next page is quoted for a shell", async () => {
    const told = async (next: string) => {
      listing([{ id: 'a', name: 'b' }], { next_page: next });
      return (await at.call(['list_credentials', '-o', 'id'])).stderr;
    };
    expect(await told('abc=')).toBe('confidant: there are more results: repeat the command with --page abc=\n');
    expect(await told('$(touch x)')).toBe(
      "confidant: there are more results: repeat the command with --page '$(touch x)'\n",
    );
    expect(await told('--url=http://x')).toBe(
      'confidant: there are more results: repeat the command with --page=--url=http://x\n',
    );
    for (const next of ['a\nb', 'a'.repeat(5000), 'a\u200b']) {
      expect(await told(next)).toBe(
        'confidant: there are more results: --output json shows the next_page to give to --page\n',
      );
    }
  });
});

describe('names', () => {
  const pages = (page: (number: number) => object) => {
    let asked = 0;
    return new ConfidantClient({
      url: 'http://localhost',
      auth: () => ({}),
      transport: () => Promise.resolve({ status: 200, headers: {}, text: JSON.stringify(page((asked += 1))) }),
    });
  };
  const many = (count: number, from = 0) =>
    Array.from({ length: count }, (_, index) => ({ id: `i${from + index}`, name: `cred-${from + index}` }));

  test('a name among 150,000 in one response is found', async () => {
    const client = pages(() => ({ credentials: many(150_000) }));
    expect(await resolveNames(client, 'credential', ['cred-149999', 'cred-3'])).toEqual(['i149999', 'i3']);
  });

  test('a list of more than 200,000 is an error that advises to use ids, and is not cached', async () => {
    const client = pages((number) => ({ credentials: many(50_000, number * 50_000), next_page: 'on' }));
    await expect(resolveNames(client, 'credential', ['cred-1'])).rejects.toThrow(
      /more than 200000 credentials: give ids instead of names/,
    );
    const endless = pages(() => ({ credentials: [], next_page: 'on' }));
    await expect(resolveNames(endless, 'credential', ['x'])).rejects.toThrow(/does not end: give ids instead of names/);
  });

  test('a mistyped name is compared with the first 10,000 names only, and an error about an ambiguous name lists ten ids', async () => {
    const list = [...many(10_000), { id: 'late', name: 'database' }];
    const client = pages(() => ({ credentials: list }));
    const error = await resolveNames(client, 'credential', ['databse']).catch((problem: Error) => problem.message);
    expect(error).toBe('no credential is named databse');
    const first = pages(() => ({ credentials: [...list].reverse() }));
    await expect(resolveNames(first, 'credential', ['databse'])).rejects.toThrow('databse (similar: database)');
    const twice = pages(() => ({ credentials: many(1000).map(({ id }) => ({ id, name: 'n' })) }));
    await expect(resolveNames(twice, 'credential', ['n'])).rejects.toThrow(/one of i0, .*, i9, … \(1000 in all\)$/);
    expect(similarTo('a', [], 3)).toEqual([]);
  });

  test('malformed entries are ignored', async () => {
    const client = pages(() => ({ credentials: [null, { id: 1, name: 'x' }, { id: 'i', name: 'x' }] }));
    expect(await resolveNames(client, 'credential', ['x'])).toEqual(['i']);
  });
});

describe('conflicts of another shape', () => {
  test('malformed conflicts are left out and do not fail the command', async () => {
    const map = async (conflicts: unknown) => {
      answers['GET /v1/services/web?metadata_only=True'] = { status: 404, body: { error: 'none' } };
      answers['PUT /v1/services/web'] = { status: 400, body: { error: 'Conflicting.', conflicts } };
      const end = await at.call(['map', '--service', 'web', '--cred-ids', 'c1']);
      expect([end.code, JSON.parse(end.stdout)]).toEqual([1, { error: 'Conflicting.', conflicts, result: false }]);
      return end.stderr.replace('confidant: error: PUT /v1/services/web answered 400: Conflicting.', '').trim();
    };
    for (const shape of [{ a: null }, { a: 5 }, { a: { credentials: 5, services: 7 } }, [null], 'x', 7]) {
      expect(await map(shape)).toBe('');
    }
    expect(await map({ a: { credentials: ['c1', null, 7], services: ['s'] } })).toBe('; a is in c1 (mapped to s)');
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, key) => [`k${key}`, { credentials: ['c'] }]));
    expect(await map(many)).toMatch(/; k19 is in c; and 10 more$/);
  });
});

test('a 404 of another program is not taken for a missing service: nothing is shown as empty or written', async () => {
  answers['GET /v1/services/web?metadata_only=False'] = { status: 404, body: '<h1>default backend</h1>' };
  answers['GET /v1/services/web?metadata_only=True'] = answers['GET /v1/services/web?metadata_only=False'];
  for (const command of [
    ['get_service', '--service', 'web'],
    ['map', '--service', 'web', '--cred-ids', 'c1'],
  ]) {
    at.server.seen.length = 0;
    const end = await at.call(command);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('answered 404; is this a Confidant server?');
    expect(at.server.seen.map(({ method }) => method)).toEqual(['GET']);
  }
});
