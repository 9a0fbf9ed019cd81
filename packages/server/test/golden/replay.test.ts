import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type As, startServer, type TestServer } from '../harness/server.js';
import { EXCEPTIONS } from './exceptions.js';
import { type Production, startProduction } from './production.js';
import { recordedLines } from './recordings.js';
import { comparable, type Exception, idsIn, type Recording, Replay, stateBefore } from './replay.js';
import { tokenFor } from './tokens.js';

/** Parts of the interface that this test does not replay, each with the reason. */
const ELSEWHERE: Record<string, string> = {
  static: 'pages, in test/login',
  'saml (USER_AUTH_MODULE=google)': 'in test/login',
  'header auth + CSRF': 'cookies of the original, in test/login',
  SAML: 'in test/login',
  'SSLIFY=true': 'in test/login',
  'TZ=America/Los_Angeles': 'our server writes UTC wherever it runs, in test/adapters/store',
  'webhook + graphite': 'in test/adapters/telemetry',
};

/** Settings that a block needs here besides its recorded ones. */
const OWN_SETTINGS: Record<string, Record<string, string>> = {
  'USE_ENCRYPTION=false': { DYNAMODB_CREATE_TABLE: 'true' },
};

const recordings = recordedLines<Recording>('http.jsonl').filter(
  // Google cannot be reached here; test/login has its own provider.
  ({ group, name }) => ELSEWHERE[group] === undefined && name !== 'login GET (google)',
);

let production: Production;
let server: TestServer;
const replay = new Replay();

beforeAll(async () => {
  production = await startProduction(stateBefore(recordedLines<Recording>('http.jsonl')));
  server = await startServer(production.recordedEnvironment, production.backend);
  // The services that existed before were created through the interface, which made their grants.
  await server.call('user:alice', 'PUT', '/v1/grants/svc-01-production');
});
afterAll(async () => {
  await server.stop();
  await production.stop();
});

/** Defines one test for each recording, against the server that runs at its turn. */
function play(recording: Recording, current: () => TestServer): void {
  const { group, name, response } = recording;
  const key = `${group}: ${name}`;
  const exception: Exception | undefined = EXCEPTIONS[key];
  test(`${key}${exception ? ` (bug ${exception.bug})` : ''}`, async () => {
    const as: As = await tokenFor(recording, current(), production);
    const answer = await replay.send(current(), recording, as);
    const shown = answer.text.slice(0, 300);
    expect([answer.status, shown]).toEqual([exception?.status ?? response.status, shown]);
    replay.learn(recording, answer);
    if (exception?.afterwards !== undefined) {
      const made = await replay.send(current(), recording, as, exception.afterwards);
      expect([made.status, made.text]).toEqual([200, made.text]);
      replay.learn(recording, made);
    }
    if (answer.status >= 400) {
      expect(answer.json.error).toBeTypeOf('string');
      compareError(recording, answer.json, exception);
      return;
    }
    if (recording.request.method === 'HEAD') {
      expect(answer.text).toBe('');
      return;
    }
    if (exception?.status !== undefined && response.status >= 400) return;
    const expected = without(replay.expected(recording), exception?.keys ?? []);
    const ours = without(answer.json, exception?.keys ?? []);
    const [theirIds, ourIds] = [idsIn(expected), idsIn(ours)];
    const both = new Set([...theirIds].filter((id) => ourIds.has(id)));
    expect(comparable(ours, both)).toEqual(comparable(expected, both));
  });
}

describe('recorded requests get the recorded responses, except for the listed bugs', () => {
  for (const recording of recordings) play(recording, () => server);
});

describe('recorded requests get the recorded responses under other settings too', () => {
  const blocks: { variant: string; settings: Record<string, string>; recordings: Recording[] }[] = [];
  for (const line of recordedLines<Recording>('http-settings.jsonl')) {
    if (line.variant === undefined) blocks.at(-1)!.recordings.push({ ...line, group: blocks.at(-1)!.variant });
    else blocks.push({ variant: line.variant, settings: line.settings!, recordings: [] });
  }
  for (const { variant, settings, recordings: block } of blocks) {
    if (block.length === 0 || ELSEWHERE[variant] !== undefined) continue;
    describe(variant, () => {
      let other: TestServer;
      beforeAll(async () => {
        const own = OWN_SETTINGS[variant];
        other = await startServer({ ...production.recordedEnvironment, ...settings, ...own }, production.backend);
      });
      afterAll(() => other.stop());
      for (const recording of block) play(recording, () => other);
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
