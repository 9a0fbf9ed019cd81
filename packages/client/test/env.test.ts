import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChild } from '../src/cli/process/child.js';
import { golden } from './support/golden.js';
import { credentialWith, deploy, serviceWith, type Deployment } from './support/deployment.js';

// Every step starts a new process.
let at: Deployment;
beforeAll(async () => {
  at = await deploy();
});
afterAll(() => at.close());
beforeEach(() => {
  at.configure({});
  at.answer(() => ({ body: serviceWith({ db_password: 's3cret', db_user: 'web' }) }));
});

/** A command that prints its environment and arguments as JSON. */
const SHOW = [process.execPath, '-e', 'console.log(JSON.stringify([process.env, process.argv.slice(1)]))'];
const env = (options: readonly string[], command: readonly string[], extra: Record<string, string> = {}) =>
  at.run(['env', '--service', 'web', ...options, '--', ...command], { env: extra });
const shown = async (options: readonly string[], extra: Record<string, string> = {}) => {
  const { stdout } = await env(options, SHOW, extra);
  return (JSON.parse(stdout) as [Record<string, string>, string[]])[0];
};

describe('the environment of the command', () => {
  test("the command gets the values under prefix and key in capitals, and the caller's environment", async () => {
    const environment = await shown([], { KEPT: 'yes', CREDENTIALS_DB_USER: 'overwritten' });
    expect(environment).toMatchObject({ KEPT: 'yes', CREDENTIALS_DB_PASSWORD: 's3cret', CREDENTIALS_DB_USER: 'web' });
    expect(await shown(['--prefix', ''])).toMatchObject({ DB_PASSWORD: 's3cret' });
  });

  test('the command does not get the AWS credentials that fetched the values', async () => {
    const environment = await shown([], { AWS_SESSION_TOKEN: 'x', AWS_SECURITY_TOKEN: 'y', AWS_REGION: 'us-east-1' });
    const names = Object.keys(environment).filter((name) => name.startsWith('AWS_'));
    expect(names.sort()).toEqual(['AWS_EC2_METADATA_DISABLED', 'AWS_ENDPOINT_URL_KMS', 'AWS_REGION']);
  });

  test('with --pristine the command gets only the values', async () => {
    // macOS adds a variable of its own.
    const { __CF_USER_TEXT_ENCODING: _, ...environment } = await shown(['--pristine']);
    expect(environment).toEqual({ CREDENTIALS_DB_PASSWORD: 's3cret', CREDENTIALS_DB_USER: 'web' });
  });

  test('values that are not text are passed as they are written, and null as an empty text', async () => {
    const pairs = '{"n": 12345678901234567890, "f": 1.50, "b": true, "e": null, "u": "pä\\n$$"}';
    const body = JSON.stringify(serviceWith({ PLACE: 1 })).replace('{"PLACE":1}', () => pairs);
    at.answer(() => ({ body }));
    expect(await shown(['--pristine', '--prefix', ''])).toMatchObject({
      N: '12345678901234567890',
      F: '1.50',
      B: 'true',
      E: '',
      U: 'pä\n$$',
    });
  });

  test('a value that no environment can hold is refused by name, before the command runs', async () => {
    at.answer(() => ({ body: serviceWith({ k: 'a\0b' }) }));
    const end = await env([], ['echo', 'ran']);
    expect(end).toMatchObject({ code: 255, stdout: '' });
    expect(end.stderr).toContain('"CREDENTIALS_K"');
  });

  test('values too large to start a command with are refused by name, without the value', async () => {
    at.answer(() => ({ body: serviceWith({ k: 'v'.repeat(131_072), other: 'x' }) }));
    const end = await env([], ['echo', 'ran']);
    expect(end).toMatchObject({ code: 255, stdout: '' });
    expect(end.stderr).toMatch(
      /CREDENTIALS_K of Credential c1 \(c1\) is too large .*: 131086 bytes .* 131071 at most\n$/,
    );
    // This is the largest variable that Linux accepts.
    at.answer(() => ({ body: serviceWith({ k: 'v'.repeat(131_071 - 'CREDENTIALS_K='.length) }) }));
    expect(await env([], ['echo', 'ran'])).toMatchObject({ code: 0, stdout: 'ran\n' });
    at.answer(() => ({
      body: serviceWith(Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`k${n}`, 'v'.repeat(60_000)]))),
    }));
    const sum = await env([], ['echo', 'ran']);
    expect(sum).toMatchObject({ code: 255, stdout: '' });
    expect(sum.stderr).toMatch(/have \d+ bytes, 2097152 at most: web sets 40 variables/);
    // What is printed goes where it may.
    expect((await at.run(['env', '--service', 'web', '-o', 'dotenv'])).stdout.length).toBeGreaterThan(2_400_000);
  });

  test('arguments too large to start a command with end with exit code 126 and the reason', async () => {
    const child = () => startChild(['echo', 'x'.repeat(200_000)], {});
    expect(child).toThrow('echo: cannot be run (E2BIG: its environment and arguments are too large)');
  });

  test('the command gets blind values only if requested', async () => {
    const recorded = golden<{ name: string; stdout: string }[]>('client-outputs.json')[1]!;
    at.answer(() => ({ body: (JSON.parse(recorded.stdout) as { service: unknown }).service }));
    expect(await shown([])).not.toHaveProperty('CREDENTIALS_BLIND4_KEY');
    expect(await shown(['--blind'])).toMatchObject({ CREDENTIALS_BLIND4_KEY: 'blind value 4' });
    const { blind_credentials: blinds } = (
      JSON.parse(recorded.stdout) as { service: { blind_credentials: { name: string }[] } }
    ).service;
    const line = `confidant: blind credentials are left out without --blind: ${blinds.map(({ name }) => name).join(', ')}\n`;
    expect(await env([], ['true'])).toMatchObject({ code: 0, stderr: line });
    expect(await env(['--blind'], ['true'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('values are passed in the environment only, not in arguments or logs', async () => {
    const end = await at.run(['--log-level', 'debug', 'env', '--service', 'web', '--', ...SHOW, 'word']);
    const [, words] = JSON.parse(end.stdout) as [unknown, string[]];
    expect(words).toEqual(['word']);
    expect(end.stderr).not.toContain('s3cret');
  });
});

describe('a service without variables', () => {
  const recorded = golden<{ stdout: string }[]>('client-outputs.json')[1]!;
  const { blind_credentials: blinds } = (JSON.parse(recorded.stdout) as { service: Record<string, unknown> }).service;
  const warned = async (service: Record<string, unknown>, ...options: string[]) => {
    at.answer(() => ({ body: { ...serviceWith({}), ...service } }));
    const end = await at.call(['env', '--service', 'web', ...options]);
    expect(end.code).toBe(0);
    return end.stderr.split('\n').filter((line) => line.startsWith('confidant: warning: '));
  };

  test('the warning gives the reason: nothing mapped, only blind credentials, or no access', async () => {
    for (const options of [[], ['-o', 'shell'], ['--blind']]) {
      const warnings = await warned({ credentials: [] }, ...options);
      expect(warnings).toEqual(['confidant: warning: web sets no variables: nothing is mapped to it']);
    }
    expect(await warned({ credentials: [], blind_credentials: blinds })).toEqual([
      'confidant: warning: web sets no variables: only blind credentials are mapped to it (--blind decrypts them)',
    ]);
    expect(await warned({})).toEqual([
      'confidant: warning: web sets no variables: the server does not show the values of its credentials',
    ]);
    expect(await warned(serviceWith({ a: 'v' }))).toEqual([]);
  });

  test('the command runs despite the warning', async () => {
    at.answer(() => ({ body: { ...serviceWith({}), credentials: [] } }));
    const end = await env([], ['echo', 'ran']);
    expect(end).toMatchObject({ code: 0, stdout: 'ran\n', stderr: expect.stringContaining('no variables') as string });
  });
});

describe('the exit code of env', () => {
  test("env ends with the command's exit code", async () => {
    expect((await env([], ['sh', '-c', 'exit 7'])).code).toBe(7);
    expect((await env([], ['true'])).code).toBe(0);
  });

  test('env ends by the signal that ended the command', async () => {
    for (const signal of ['TERM', 'KILL', 'INT'] as const) {
      const end = await env([], ['sh', '-c', `kill -${signal} $$`]);
      expect(end).toMatchObject({ code: null, signal: `SIG${signal}` });
    }
  });

  test('signals are passed on to the command', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) {
      const script = `trap 'echo got ${signal}; exit 3' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
      const running = at.start(['run', '--service', 'web', '--', 'sh', '-c', script]);
      await running.printed('ready');
      running.process.kill(signal);
      expect(await running.ended).toMatchObject({ code: 3, stdout: `ready\ngot ${signal}\n` });
    }
  });

  test('env ends with 127 for a missing command, and with 126 for one that cannot be run', async () => {
    writeFileSync(join(at.folder, 'data'), 'text');
    chmodSync(join(at.folder, 'data'), 0o644);
    expect((await env([], ['no-such-command-here'])).code).toBe(127);
    expect((await env([], [join(at.folder, 'missing')])).code).toBe(127);
    expect((await env([], [join(at.folder, 'data')])).code).toBe(126);
  });
});

describe('failing to get the values', () => {
  test('env ends with 255 and no output for a missing service, without access, and if the server fails or is unreachable', async () => {
    for (const answer of [{ status: 404 }, { status: 403 }, { status: 500 }, { drop: true } as const]) {
      at.answer(() => answer);
      expect(await env([], ['echo', 'ran'])).toMatchObject({ code: 255, stdout: '' });
    }
  });

  test('env without a command ends with 0', async () => {
    expect(await at.run(['env', '--service', 'web'])).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('--strict and --require', () => {
  test('a required name that the service lacks is an error', async () => {
    expect((await env(['--require', 'CREDENTIALS_DB_USER'], ['true'])).code).toBe(0);
    const end = await env(['--require', 'CREDENTIALS_DB_USER,CREDENTIALS_OTHER'], ['echo', 'ran']);
    expect(end).toMatchObject({ code: 255, stdout: '' });
    expect(end.stderr).toContain('web does not set CREDENTIALS_OTHER');
  });

  test('a required name that only a blind credential has, or only with the prefix, is reported with the option to use', async () => {
    const recorded = golden<{ name: string; stdout: string }[]>('client-outputs.json')[1]!;
    const { service } = JSON.parse(recorded.stdout) as { service: { blind_credentials: unknown[] } };
    at.answer(() => ({ body: { ...serviceWith({ db_user: 'web' }), blind_credentials: service.blind_credentials } }));
    const extra = { CREDENTIALS_BLIND4_KEY: 'confidant', DB_USER: 'confidant', OTHER: 'confidant' };
    const end = await env(['--strict'], ['echo', 'ran'], extra);
    expect(end).toMatchObject({ code: 255, stdout: '' });
    expect(end.stderr.split('\n').sort()).toEqual([
      '',
      expect.stringMatching(/: CREDENTIALS_BLIND4_KEY is in the blind credential .+ \(\w+\): add --blind$/),
      "confidant: error: DB_USER is set as CREDENTIALS_DB_USER: use --prefix '' to drop the prefix",
      expect.stringMatching(/: web does not set (CREDENTIALS_BLIND4_KEY|DB_USER|OTHER)(, \w+){2}$/),
    ]);
    const blind = await env(['--require', 'CREDENTIALS_BLIND4_KEY', '--blind'], ['echo', 'ran']);
    expect(blind).toMatchObject({ code: 0, stdout: 'ran\n' });
  });

  test('a required variable must come from the service, not from the environment', async () => {
    const extra = { CREDENTIALS_MISSING: 'confidant', CREDENTIALS_DB_USER: 'confidant' };
    expect((await env([], ['true'], extra)).code).toBe(0);
    const end = await env(['--strict'], ['echo', 'ran'], extra);
    expect(end).toMatchObject({ code: 255, stdout: '' });
    expect(end.stderr).toContain('web does not set CREDENTIALS_MISSING');
  });

  test('duplicate and invalid names are warnings, and errors with --strict', async () => {
    const service = serviceWith({ 'bad-key': 'v' });
    at.answer(() => ({
      body: {
        ...service,
        credentials: [credentialWith('a', { k: 's3cret', 'bad-key': 'v' }), credentialWith('b', { K: 'last' })],
      },
    }));
    const lenient = await env(['--prefix', ''], ['sh', '-c', 'echo $K']);
    expect(lenient).toMatchObject({ code: 0, stdout: 'last\n' });
    expect(lenient.stderr).toMatch(/K is set twice; the value of Credential b \(b\) is used/);
    const strict = await env(['--strict'], ['echo', 'ran']);
    expect(strict).toMatchObject({ code: 255, stdout: '' });
    expect(strict.stderr).toMatch(/CREDENTIALS_BAD-KEY is not a valid variable name/);
    expect(strict.stderr).not.toContain('s3cret');
  });
});

describe('safety', () => {
  test('a service that matches command_safety_regex needs --force', async () => {
    at.configure({ command_safety_regex: '^w.b$', command_safety_msg: 'This is production.' });
    const refused = await env([], ['echo', 'ran']);
    expect(refused).toMatchObject({ code: 255, stdout: '' });
    expect(refused.stderr).toContain('This is production.');
    expect(await env(['--force'], ['echo', 'ran'])).toMatchObject({ code: 0, stdout: 'ran\n' });
    at.configure({ command_safety_regex: 'other' });
    expect((await env([], ['true'])).code).toBe(0);
  });

  test('an expensive regular expression does not hang, and an invalid one is a configuration error', async () => {
    at.configure({ command_safety_regex: '(w+)+(e+)+(b+)+$$x' });
    const service = `${'w'.repeat(5000)}!`;
    expect((await at.run(['env', '--service', service, '--', 'true'])).code).toBe(0);
    at.configure({ command_safety_regex: '(' });
    expect(await env([], ['echo', 'ran'])).toMatchObject({ code: 1, stdout: '' });
  });

  test('command_wrap runs this program inside the wrapper, once', async () => {
    const wrap = join(at.folder, 'my wrap');
    writeFileSync(wrap, '#!/bin/sh\necho "wrapped: $1"; shift; exec "$@"\n');
    chmodSync(wrap, 0o755);
    at.configure({ command_wrap: `'${wrap}' "two words"` });
    const end = await at.run(['run', '--serv', 'web', '--', 'sh', '-c', 'echo $CREDENTIALS_DB_USER; exit 4']);
    expect(end).toMatchObject({ code: 4, stdout: 'wrapped: two words\nweb\n' });
    expect((await env(['--wrapped'], ['sh', '-c', 'echo $CREDENTIALS_DB_USER'])).stdout).toBe('web\n');
  });
});

describe('--output prints the variables instead', () => {
  test('the output shell can be evaluated by a shell', async () => {
    const end = await at.run(['env', '--service', 'web', '-o', 'shell']);
    expect(end.stdout).toBe('export CREDENTIALS_DB_PASSWORD=s3cret\nexport CREDENTIALS_DB_USER=web\n');
  });

  test('nothing is printed if the values cannot be fetched', async () => {
    at.answer(() => ({ status: 403 }));
    expect(await at.run(['env', '--service', 'web', '-o', 'shell'])).toMatchObject({ code: 255, stdout: '' });
    at.answer(() => ({ status: 404 }));
    const service = await at.run(['get_service', '--service', 'web', '-o', 'shell']);
    expect(service).toMatchObject({ code: 1, stdout: '' });
  });

  test('--output together with a command is a usage error', async () => {
    expect((await at.run(['env', '--service', 'web', '-o', 'shell', '--', 'true'])).code).toBe(2);
  });
});

test.each([
  ['--watch-interval', '5'],
  ['--watch-signal', 'SIGHUP'],
])('%s without --watch is refused before any request, and nothing is run', async (option, value) => {
  at.server.seen.length = 0;
  const end = await at.call(['run', '--service', 'web', option, value, '--', 'sh', '-c', 'echo ran']);
  expect([end.code, end.stdout, at.server.seen]).toEqual([2, '', []]);
  expect(end.stderr).toContain(`confidant: ${option} needs --watch\n`);
});

describe('--watch', () => {
  const script = (reaction: string) => `${reaction}; echo started $CREDENTIALS_A; while :; do sleep 0.05; done`;
  const watch = (reaction: string, options: readonly string[] = []) =>
    at.start([
      'run',
      '--service',
      'web',
      '--watch',
      '--watch-interval',
      '0.1',
      ...options,
      '--',
      'sh',
      '-c',
      script(reaction),
    ]);

  test('--watch restarts the command with the new values when a credential changes', async () => {
    let revision = 1;
    at.answer(() => ({ body: serviceWith({ a: revision === 1 ? 'one' : 'two' }, revision) }));
    const running = watch("trap 'echo stopped; exit 0' TERM");
    await running.printed('started one');
    revision = 2;
    await running.printed('started two');
    running.process.kill('SIGTERM');
    const end = await running.ended;
    expect(end).toMatchObject({ code: 0, stdout: 'started one\nstopped\nstarted two\nstopped\n' });
  });

  test('--watch waits for new values while the server is away, even if there is an offline copy', async () => {
    at.configure({ offline_copy: join(at.folder, 'copies'), retries: 4, backoff: 0.01 });
    let revision = 1;
    let failures = 0;
    at.answer(({ path }) => {
      if (revision === 2 && path.endsWith('metadata_only=False') && failures < 4) {
        failures += 1;
        return { status: 503 };
      }
      return { body: serviceWith({ a: revision === 1 ? 'one' : 'two' }, revision) };
    });
    const running = watch("trap 'echo stopped; exit 0' TERM");
    await running.printed('started one');
    revision = 2;
    await running.printed('started two');
    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ stdout: 'started one\nstopped\nstarted two\nstopped\n' });
    expect(failures).toBe(4);
    at.configure({});
  });

  test('a termination signal during a restart ends --watch, and nothing is started again', async () => {
    let revision = 1;
    at.answer(() => ({ body: serviceWith({ a: revision === 1 ? 'one' : 'two' }, revision) }));
    // The command ends only at the second signal, which the test sends during the restart.
    const running = watch(`trap "trap 'exit 7' TERM; echo stopping; while :; do sleep 0.05; done" TERM`);
    await running.printed('started one');
    revision = 2;
    await running.printed('stopping');
    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 7, stdout: expect.not.stringContaining('two') as string });
  });

  test('--watch polls revisions only, and fetches values after a change', async () => {
    at.server.seen.length = 0;
    at.answer(() => ({ body: serviceWith({ a: 'one' }) }));
    const running = watch('true');
    await running.printed('started one');
    while (at.server.seen.length < 4) await new Promise((resolve) => setTimeout(resolve, 20));
    running.process.kill('SIGTERM');
    await running.ended;
    const full = at.server.seen.filter(({ path }) => path.endsWith('metadata_only=False'));
    expect(full).toHaveLength(1);
  });

  test('--watch sends a signal instead of restarting if one is named', async () => {
    let revision = 1;
    at.answer(() => ({ body: serviceWith({ a: revision === 1 ? 'one' : 'two' }, revision) }));
    const running = watch("trap 'echo reload; exit 5' HUP", ['--watch-signal', 'SIGHUP']);
    await running.printed('started one');
    revision = 2;
    expect(await running.ended).toMatchObject({ code: 5, stdout: 'started one\nreload\n' });
  });

  /** Resolves when the server has got this many further requests for such a path. */
  const asked = async (times: number, path: RegExp) => {
    const before = at.server.seen.length;
    const count = () => at.server.seen.slice(before).filter((request) => path.test(request.path)).length;
    while (count() < times) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  test('a change that leaves the variables the same is ignored silently', async () => {
    for (const options of [[], ['--watch-signal', 'SIGUSR1']]) {
      let now = serviceWith({ a: 'one' }, 1);
      at.answer(() => ({ body: now }));
      const running = watch("trap 'echo stopped; exit 0' TERM USR1", options);
      await running.printed('started one');
      const fetched = asked(1, /metadata_only=False/);
      // A new revision of the credential has the same values; then another credential has the same key.
      now = { ...serviceWith({ a: 'one' }, 2), revision: 7 };
      await fetched;
      const fetchedAgain = asked(1, /metadata_only=False/);
      now = { ...now, credentials: [credentialWith('c1', { a: 'one' }, 2), credentialWith('c2', { A: 'one' })] };
      await fetchedAgain;
      // The client has compared the values by the time it polls again.
      await asked(2, /metadata_only=True/);
      expect(running.told()).toBe('');
      now = serviceWith({ a: 'two' }, 3);
      await running.printed('stopped');
      if (options.length === 0) await running.printed('started two');
      running.process.kill('SIGTERM');
      const end = await running.ended;
      expect(end.stdout.match(/started/g)).toHaveLength(options.length === 0 ? 2 : 1);
      expect(end.stderr).toMatch(/^confidant: Credential c1 \(c1\) changed: (restarting|sending) .*\n$/);
      expect(end.stderr).not.toMatch(/one|two|CREDENTIALS_A/);
    }
  });

  test('mapping or unmapping a credential restarts the command, and so does a change of which value counts', async () => {
    let now = serviceWith({ a: 'one' });
    at.answer(() => ({ body: now }));
    const running = watch("trap 'exit 0' TERM");
    await running.printed('started one');
    now = { ...now, credentials: [credentialWith('c1', { a: 'one' }), credentialWith('c2', { a: 'two' })] };
    await running.printed('started two');
    now = { ...now, credentials: [] };
    await running.printed('started\n');
    running.process.kill('SIGTERM');
    const { stderr } = await running.ended;
    expect(stderr.split('\n').filter((line) => line.includes('restarting'))).toEqual([
      'confidant: Credential c2 (c2) changed: restarting the command',
      'confidant: Credential c2 (c2) changed: restarting the command',
    ]);
  });

  test('changes of blind credentials are ignored unless they are decrypted', async () => {
    const recorded = golden<{ stdout: string }[]>('client-outputs.json')[1]!;
    const { service } = JSON.parse(recorded.stdout) as { service: { blind_credentials: { revision: number }[] } };
    const blind = service.blind_credentials;
    let blinds = blind;
    at.answer(() => ({ body: { ...serviceWith({ a: 'one' }), blind_credentials: blinds } }));
    at.server.seen.length = 0;
    const running = watch("trap 'exit 0' TERM");
    await running.printed('started one');
    blinds = blind.map((credential) => ({ ...credential, revision: credential.revision + 1 }));
    await asked(2, /metadata_only=True/);
    blinds = [];
    await asked(2, /metadata_only=True/);
    running.process.kill('SIGTERM');
    expect((await running.ended).stdout).toBe('started one\n');
    expect(at.server.seen.filter(({ path }) => path.endsWith('metadata_only=False'))).toHaveLength(1);
  });

  test('the command keeps running if it could not be started with the new values, which are named', async () => {
    let revision = 1;
    at.answer(() => ({ body: serviceWith({ a: revision === 1 ? 'one' : 'v'.repeat(200_000) }, revision) }));
    const running = watch("trap 'echo stopped; exit 0' TERM");
    await running.printed('started one');
    revision = 2;
    while (!running.told().includes('CREDENTIALS_A')) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(running.told()).toMatch(/the command keeps running: CREDENTIALS_A of .* is too large/);
    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0, stdout: 'started one\nstopped\n' });
  });

  test('the command keeps running while the server fails, and --watch ends with the command', async () => {
    let isUp = true;
    at.answer(() => (isUp ? { body: serviceWith({ a: 'one' }) } : { drop: true }));
    const done = join(at.folder, 'done');
    const running = at.start(
      // prettier-ignore
      ['run', '--service', 'web', '--watch', '--watch-interval', '0.05', '--', 'sh', '-c', 'echo up; until [ -e "$0" ]; do sleep 0.05; done; exit 6', done],
    );
    await running.printed('up');
    isUp = false;
    await expect.poll(() => running.told().split('could not check for changes').length).toBeGreaterThan(2);
    writeFileSync(done, '');
    expect(await running.ended).toMatchObject({ code: 6, stdout: 'up\n' });
  });
});
