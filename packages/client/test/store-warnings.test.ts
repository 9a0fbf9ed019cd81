import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { credentialWith, deploy, type Deployment } from './support/deployment.js';
import type { Answer } from './support/http.js';

let at: Deployment;
let answers: Record<string, Answer>;
beforeAll(async () => {
  at = await deploy();
  at.answer(({ method, path }) => answers[`${method} ${path}`]);
});
afterAll(() => at.close());

describe('messages about what was stored', () => {
  test('creating and updating pairs reports the keys as the server stored them', async () => {
    const stored = { body: credentialWith('c1', { api_key: 'old', other: 'o' }) };
    answers = {
      'POST /v1/credentials': stored,
      'PUT /v1/credentials/c1': stored,
      'GET /v1/credentials/c1?metadata_only=True': stored,
      'GET /v1/credentials/c1?metadata_only=False': stored,
    };
    const pairs = ['--credential-pairs', '{"API_Key": "s3cret", "Other": "o"}'];
    const update = ['update_credential', '--id', 'c1'];
    for (const args of [
      ['create_credential', '--name', 'db', ...pairs],
      [...update, ...pairs],
      [...update, '--merge', ...pairs],
    ]) {
      expect(await at.call(args)).toMatchObject({ code: 0, stderr: 'confidant: stored: api_key, other\n' });
    }
    expect(await at.call([...update, '--disabled'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('storing a key or value that no environment variable can hold is a warning', async () => {
    const stored = { body: credentialWith('c1', { 'a=b': 'old', a: 'o', c: 'v' }) };
    answers = {
      'POST /v1/credentials': stored,
      'PUT /v1/credentials/c1': stored,
      'GET /v1/credentials/c1?metadata_only=True': stored,
      'GET /v1/credentials/c1?metadata_only=False': stored,
    };
    const warned = async (...args: string[]) => {
      const { code, stderr } = await at.call(args);
      expect(code).toBe(0);
      expect(stderr).not.toContain('s3cret');
      return stderr.split('\n').filter((line) => line.includes('warning: '));
    };
    const pairs = ['--credential-pairs', '{"a": "s3cret\\u0000", "b": "s3cret", "n": 1, "a=b": "s3cret"}'];
    const warning =
      'confidant: warning: an environment variable cannot hold a, a=b: run and env will fail for services that map this credential';
    expect(await warned('create_credential', '--name', 'db', ...pairs)).toEqual([warning]);
    expect(await warned('update_credential', '--id', 'c1', '--merge', ...pairs)).toEqual([warning]);
    const replaced = await warned('update_credential', '--id', 'c1', ...pairs.with(1, '{"c": "\\u0000"}'));
    expect(replaced.at(-1)).toContain('an environment variable cannot hold c: ');
    expect(await warned('create_credential', '--name', 'db', '--credential-pairs', '{"b": "v"}')).toEqual([]);
  });
});
