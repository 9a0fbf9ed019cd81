import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type As, startServer, type TestServer } from '../http/harness.js';
import { EXCEPTIONS } from './exceptions.js';
import { type Production, startProduction } from './production.js';
import { recordedLines } from './recordings.js';
import { comparable, type Exception, idsIn, type Recording, Replay, stateBefore } from './replay.js';
import { tokenFor } from './tokens.js';

/** Parts of the interface that this test does not play, each with the reason. */
const ELSEWHERE: Record<string, string> = {
  static: 'pages, in test/login',
  'saml (USER_AUTH_MODULE=google)': 'in test/login',
};

const recordings = recordedLines<Recording>('http.jsonl').filter(
  // Google is not on this machine; test/login has a provider of its own.
  ({ group, name }) => ELSEWHERE[group] === undefined && name !== 'login GET (google)',
);

let production: Production;
let server: TestServer;
const replay = new Replay();

beforeAll(async () => {
  production = await startProduction(stateBefore(recordedLines<Recording>('http.jsonl')));
  server = await startServer(production.recordedEnvironment, production.backend);
  // The services of before were created through the interface, which made their grants.
  await server.call('user:alice', 'PUT', '/v1/grants/svc-01-production');
});
afterAll(async () => {
  await server.stop();
  await production.stop();
});

describe('recorded requests are answered as recorded, or as the list of bugs says', () => {
  for (const recording of recordings) {
    const { group, name, response } = recording;
    const exception: Exception | undefined = EXCEPTIONS[`${group}: ${name}`];
    const because = exception ? ` (bug ${exception.bug})` : '';

    test(`${group}: ${name}${because}`, async () => {
      const as: As = await tokenFor(recording, server, production);
      const answer = await replay.send(server, recording, as);
      expect([answer.status, answer.text.slice(0, 300)]).toEqual([
        exception?.status ?? response.status,
        answer.text.slice(0, 300),
      ]);
      replay.learn(recording, answer);
      if (exception?.then !== undefined) {
        const made = await replay.send(server, recording, as, exception.then);
        expect([made.status, made.text]).toEqual([200, made.text]);
        replay.learn(recording, made);
      }
      if (answer.status >= 400) {
        expect(answer.json.error).toBeTypeOf('string');
        return compareError(recording, answer.json, exception);
      }
      if (recording.request.method === 'HEAD') return expect(answer.text).toBe('');
      if (exception?.status !== undefined && response.status >= 400) return;
      const expected = without(replay.expected(recording), exception?.keys ?? []);
      const ours = without(answer.json, exception?.keys ?? []);
      const [theirIds, ourIds] = [idsIn(expected), idsIn(ours)];
      const both = new Set([...theirIds].filter((id) => ourIds.has(id)));
      expect(comparable(ours, both)).toEqual(comparable(expected, both));
    });
  }
});

/** compat: `{}` and HTML pages of the original become `{error}`; every other key is as recorded. */
function compareError(recording: Recording, ours: Record<string, unknown>, exception: Exception | undefined): void {
  if (recording.response.status !== (exception?.status ?? recording.response.status)) return;
  const expected = { error: '', ...(replay.expected(recording) as object | undefined) };
  expect(comparable(without(ours, exception?.keys ?? []))).toEqual(
    comparable(without(expected, exception?.keys ?? [])),
  );
}

function without(value: unknown, keys: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => without(item, keys));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, child]) => (keys.includes(key) ? [] : [[key, without(child, keys)]])),
  );
}
