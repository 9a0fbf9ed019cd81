import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsKms, decryptBlind, type AwsKmsOptions } from '@confidant/kmsauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProduction, type Production } from '../../server/test/golden/production.js';
import { recordedTable, type Item } from '../../server/test/golden/recordings.js';
import { tableAt } from '../../server/test/golden/replay.js';
import { startServer, type TestServer } from '../../server/test/harness/server.js';
import { awsEnvironment, callCli, runCli, type CliEnd } from './support/cli.js';
import { recordings, type Recording } from './support/golden.js';
import { isBody, printed, SESSION_BEGAN, Translation, type Body } from './support/recorded-session.js';

/**
 * These tests play the recorded session of the original's command line in order, with our command line and server,
 * on the table that the original left. The allowed differences are in support/recorded-session.ts and in the tables here.
 */
const all = recordings();
const bodyOf = (name: string): Body => JSON.parse(all.find((each) => each.name === name)!.stdout) as Body;

/** Recordings that involve no server, with the place where they are compared. */
const ELSEWHERE: Record<string, string> = {
  'no url': 'cli-recordings.test.ts',
  'confidant --version': 'of each release its own',
  'confidant without subcommand': 'cli-recordings.test.ts',
  'format jinja': 'broken when it was recorded, without its template; format.test.ts',
  'format jinja without template': 'format.test.ts',
  'format env_export, no service': 'format.test.ts',
  'format credential_combined, no service': 'format.test.ts',
  'format env_export odd keys': 'format.test.ts',
  'format credential_combined odd keys': 'format.test.ts',
  'format env_export numeric value': 'format.test.ts',
};

interface Otherwise {
  /** The number in docs/original-bugs.md, or another reason. */
  why: string;
  /** The exit code, if it differs. */
  code?: number;
  /** Changes the recorded output into the expected one. */
  instead?: (recorded: Body) => Body;
  /** Reduces our output to the part that is compared. */
  ours?: (ours: Body) => Body;
  /** A part of our output, if the recording is a failure that does not happen here. */
  shows?: Body;
}

const READABLE = { get: true, metadata: true, update: true };
const OTHERWISE: Record<string, Otherwise> = {
  'get_service 401 (account)': {
    why: "bug 26: the account binds services' tokens",
    code: 0,
    shows: { result: true, service: { id: 'svc-20-production', account: 'sandbox' } },
  },
  'get_service all options on the command line': {
    why: 'the options were enough, and the original failed all the same',
    code: 0,
    shows: { result: true, service: { id: 'svc-01-production', enabled: true } },
  },
  'create_blind_credential with --cipher-version 2 given (becomes a string)': {
    why: 'sent as a number',
    code: 0,
    shows: { result: true, blind_credential: { name: 'CLI blind 3', cipher_version: 2, revision: 1 } },
  },
  list_blind_credentials: {
    why: 'the one made by --cipher-version is there',
    ours: (ours) => ({
      ...ours,
      blind_credentials: (ours['blind_credentials'] as Body[]).filter(({ name }) => name !== 'CLI blind 3'),
    }),
  },
  'revert_blind_credential without --revision (docs: previous revision)': {
    why: 'goes back to the revision before, as the help says',
    code: 0,
    shows: {
      result: true,
      blind_credential: { name: 'CLI blind renamed', credential_keys: ['c', 'ssl_key'], revision: 6 },
    },
  },
  revert_credential: {
    why: 'bug 23: keys and permissions are given',
    instead: ({ credential, ...rest }) => ({
      ...rest,
      credential: { ...(credential as Body), credential_keys: ['cred10_key', 'cred10_pass'], permissions: READABLE },
    }),
  },
  revert_service: {
    why: 'bug 23: permissions are given',
    instead: ({ service, ...rest }) => ({
      ...rest,
      service: { ...(service as Body), permissions: { create: true, ...READABLE } },
    }),
  },
  'get_jwt --expiry': {
    why: 'the route is served; bug 5: a user gets one for itself only',
    instead: (recorded) => ({ ...recorded, error: 'alice does not have access to get JWT r' }),
  },
  'get_certificate with --san (int > list comparison bug)': {
    why: 'the name is sent; bug 6: it has to be the own one',
    instead: (recorded) => ({
      ...recorded,
      error:
        'svc-01-production does not have access to get certificate cn svc-01-production.example.com against ca selfsigned',
      reference: 'svc-01-production.example.com',
    }),
  },
};

/** Rows of the recorded session that our session does not leave, with the reason. */
const ROWS_NOT_LEFT: Record<string, string> = {
  '23782e6f3be144cbac9b1b0b0b634951': 'the second revert succeeds and makes another current row',
  'svc-16-production-2': 'to map what is mapped already writes no revision',
};

/** Rows whose revision differs because of that. */
const RENUMBERED: Record<string, string> = { 'svc-16-production': '2', 'svc-16-production-3': '2' };

let production: Production;
let server: TestServer;
let folder: string;
let translation: Translation;
/** The output of our commands, by the name of the recording. */
const outputs = new Map<string, string>();
const kmsOf = new Map<string, ReturnType<typeof awsKms>>();

function kmsFor(region: string): ReturnType<typeof awsKms> {
  const options: AwsKmsOptions = {
    region,
    endpoint: production.kms.url,
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    maxSockets: 2,
    maxAttempts: 2,
  };
  const kms = kmsOf.get(region) ?? awsKms(options);
  kmsOf.set(region, kms);
  return kms;
}

beforeAll(async () => {
  const table = tableAt(SESSION_BEGAN);
  production = await startProduction(table);
  server = await startServer(production.recordedEnvironment, production.backend);
  translation = new Translation({
    began: Date.now(),
    found: new Set(table.map((row) => row['id']!.S!)),
    caCertificate: production.caCertificate,
    jwks: bodyOf('get_jwks')['keys'] as Body[],
    open: ({ credential_pairs, data_key, metadata }, region) =>
      decryptBlind({
        credential_pairs: credential_pairs as Record<string, string>,
        data_key: data_key as Record<string, string>,
        contexts: (metadata as { context: Record<string, Record<string, string>> }).context,
        region,
        kmsFor,
      }),
  });
  folder = mkdtempSync(join(tmpdir(), 'confidant-session-'));
  const profile = (key: string, from: string, userType: string): Body => ({
    url: server.url,
    auth_key: `alias/authnz-${key}`,
    region: 'us-east-1',
    token_cache_file: '',
    timeout: 60,
    auth_context: { from, to: 'confidant-production', user_type: userType },
  });
  const profiles = {
    default: profile('user', 'alice', 'user'),
    service1: profile('service', 'svc-01-production', 'service'),
    svc5west: profile('service', 'svc-05-production', 'service'),
  };
  writeFileSync(join(folder, 'client.yaml'), JSON.stringify(profiles));
  // The default cache file would remain after the test.
  writeFileSync(join(folder, 'no-cache.yaml'), JSON.stringify({ default: { token_cache_file: '' } }));
});
afterAll(async () => {
  for (const kms of kmsOf.values()) kms.close();
  await server?.stop();
  await production?.stop();
  rmSync(folder, { recursive: true });
});

/** Runs the command of a recording with our folder, server and ids. */
async function play({ argv, stdin, name }: Recording): Promise<CliEnd> {
  const places: Record<string, string> = {
    'run/client.yaml': join(folder, 'client.yaml'),
    '/nonexistent': join(folder, 'no-cache.yaml'),
    'http://127.0.0.1:18600': server.url,
  };
  const words = argv.map((word) => places[word] ?? translation.text(word));
  const env = awsEnvironment(production.kms.url);
  if (stdin !== null) return runCli(words, { stdin: outputs.get(sourceOf(name))! });
  // A command that ends in another program needs a process of its own.
  return words.includes('env') ? runCli(words, { env }) : callCli(words, env);
}

/** Returns the name of the recording whose output is the input of a recorded `confidant-format`. */
function sourceOf(name: string): string {
  return name.includes('raw blind')
    ? 'get_service as user --no-decrypt-blind'
    : 'get_service as service (blind decrypted)';
}

describe('the recorded commands have the recorded results with the real server', () => {
  for (const recording of all) {
    if (recording.stdin === null && ELSEWHERE[recording.name] === undefined)
      test(recording.name, () => compare(recording));
  }
});

async function compare(recording: Recording): Promise<void> {
  const { name, stdout, rc } = recording;
  const otherwise = OTHERWISE[name];
  const end = await play(recording);
  outputs.set(name, end.stdout);
  expect(end).toMatchObject({ code: otherwise?.code ?? rc });
  if (!stdout.startsWith('{')) {
    expect(end.stdout).toBe(stdout);
    return;
  }
  const ours = JSON.parse(end.stdout) as Body;
  // The content is compared below, and the recorded form of `printed` in the last test.
  expect(end.stdout).toBe(printed(ours));
  if (otherwise?.shows !== undefined) {
    expect(ours).toMatchObject(otherwise.shows);
    return;
  }
  const recorded = JSON.parse(stdout) as Body;
  const compared = otherwise?.ours?.(ours) ?? ours;
  expect(compared).toEqual(await translation.expected(otherwise?.instead?.(recorded) ?? recorded, compared));
}

describe('confidant-format prints the recorded output for our get_service', () => {
  const piped = all.filter(({ name, stdin }) => stdin !== null && ELSEWHERE[name] === undefined);
  /** Splits into sorted statements, because the original left the order of credentials to chance (bug 23). */
  const statements = (text: string): string[] => text.split(/^(?=: \$\{)/m).toSorted();

  for (const recording of piped) {
    test(recording.name, async () => {
      const end = await play(recording);
      expect(end).toMatchObject({ code: recording.rc });
      if (!recording.stdout.startsWith('{')) {
        expect(statements(end.stdout)).toEqual(statements(recording.stdout));
        return;
      }
      const { service } = JSON.parse(outputs.get(sourceOf(recording.name))!) as { service: Record<string, Body[]> };
      const ids = [...service['credentials']!, ...service['blind_credentials']!].map(({ id }) => id);
      const theirs = JSON.parse(recording.stdout) as { credentials_metadata: { credentials: Body[] } };
      theirs.credentials_metadata.credentials.sort((a, b) => ids.indexOf(a['id']) - ids.indexOf(b['id']));
      // This output ends without a line break.
      expect(end.stdout).toBe(printed(theirs).trimEnd());
    });
  }
});

test('the recorded session leaves the same rows', async () => {
  const written = recordedTable().filter((row) => row['modified_date']!.S! >= SESSION_BEGAN);
  const missing = Object.keys(ROWS_NOT_LEFT);
  const compared = written.filter((row) => !missing.includes(row['id']!.S!));
  expect(compared).toHaveLength(written.length - missing.length);
  for (const theirs of compared) {
    const recordedId = theirs['id']!.S!;
    const [, id, end = ''] = /^(.*?)(-\d+)?$/.exec(recordedId)!;
    const revision = RENUMBERED[recordedId] ?? theirs['revision']!.N!;
    const ourId = translation.text(id!) + (end && `-${revision}`);
    const expected = { ...storedBy(theirs), id: ourId, revision: { N: revision } };
    expect(storedBy((await production.item(ourId))!)).toEqual(translation.value(expected));
  }
});

/** Returns a row without its date, with JSON texts parsed and sets sorted. */
function storedBy({ modified_date: written, ...row }: Item): Body {
  expect(written!.S).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000$/);
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (name === 'id') return [name, value.S];
      if (value.SS !== undefined) return [name, value.SS.toSorted()];
      return [name, value.S?.startsWith('{') ? (JSON.parse(value.S) as unknown) : value];
    }),
  );
}

test('every recording is compared by some test, and in the recorded form', () => {
  const names = new Set(all.map(({ name }) => name));
  for (const name of [...Object.keys(ELSEWHERE), ...Object.keys(OTHERWISE)]) expect(names).toContain(name);
  for (const { stdout } of all.filter(({ argv, stdout: text }) => argv[0] === 'confidant' && text.startsWith('{'))) {
    const body: unknown = JSON.parse(stdout);
    expect(isBody(body) && printed(body)).toBe(stdout);
  }
});
