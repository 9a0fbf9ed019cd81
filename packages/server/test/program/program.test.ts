import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { get, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { startKmsStandIn } from '../stand-ins/kms.js';
import { startDynamoDb } from '../stand-ins/dynamodb-server.js';
import { caller, dataDirectory, type Program, ROOT, run } from '../harness/program.js';

const started: Program[] = [];
const directories: { remove(): void }[] = [];
afterEach(async () => {
  for (const program of started.splice(0)) {
    program.process.kill('SIGKILL');
    await program.exited;
  }
  for (const directory of directories.splice(0)) directory.remove();
});

function newDirectory(): string {
  const directory = dataDirectory();
  directories.push(directory);
  return directory.path;
}

async function start(environment: Record<string, string>): Promise<Program> {
  const program = await run(environment);
  started.push(program);
  return program;
}

describe('the start', () => {
  test('lists every invalid setting and what it expects, and exits with 1', async () => {
    const program = await start({
      DYNAMODB_TABLE: 'confidant',
      PORT: '99999',
      KMS_READ_TIMEOUT: 'abc',
      SCOPED_AUTH_KEYS: '{"a": "hunter2-value"',
      USER_AUTH_MODULE: 'kerberos',
      ACL_MODULE: 'mycompany.acl:check',
      ACL_POLICY_FILE: '/nowhere/policy.yaml',
      USERS_FILE: '/nowhere/users.yaml',
    });
    expect(await program.exited).toBe(1);
    for (const setting of [
      'PORT',
      'KMS_READ_TIMEOUT',
      'SCOPED_AUTH_KEYS',
      'USER_AUTH_MODULE',
      'KMS_MASTER_KEY',
      'AUTH_KEY',
      'ACL_MODULE',
      'ACL_POLICY_FILE',
      'USERS_FILE',
    ]) {
      expect(program.stderr()).toMatch(new RegExp(`^  ${setting}: \\S+`, 'm'));
    }
    expect(program.stderr()).toMatch(/^Confidant cannot start: \d+ invalid settings\.\n/);
    expect(program.stderr()).not.toContain('hunter2');
  });

  test('is refused when settings for AWS come without a table', async () => {
    const program = await start({ KMS_MASTER_KEY: 'alias/production', CONFIDANT_DATA_DIR: newDirectory() });
    expect(await program.exited).toBe(1);
    expect(program.stderr()).toContain('DYNAMODB_TABLE');
  });

  test('is refused beyond loopback for the embedded server, and without authentication', async () => {
    const embedded = await start({ HOST: '0.0.0.0', CONFIDANT_DATA_DIR: newDirectory() });
    expect([await embedded.exited, embedded.stderr().includes('HOST')]).toEqual([1, true]);
    const open = await start({ DYNAMODB_TABLE: 't', HOST: '0.0.0.0', USE_AUTH: 'false', KMS_MASTER_KEY: 'k' });
    expect([await open.exited, open.stderr().includes('USE_AUTH')]).toEqual([1, true]);
  });

  test('names the setting to change when the port is taken', async () => {
    const first = await start({ CONFIDANT_DATA_DIR: newDirectory() });
    const second = await start({ CONFIDANT_DATA_DIR: newDirectory(), PORT: new URL(first.url).port });
    expect(await second.exited).toBe(1);
    expect(second.stderr()).toMatch(/in use.*PORT/);
    // One line, without a stack trace.
    expect(second.stdout()).toMatch(/^\{.*"reason":"[^"]*in use.*\}\n$/);
  });

  test('is refused for a data directory that another server uses, whose files stay as they are', async () => {
    const dataDir = newDirectory();
    const first = await start({ CONFIDANT_DATA_DIR: dataDir, WEB_CONCURRENCY: '2' });
    const files = (): string[] =>
      ['client.yaml', 'client.env'].map((name) => readFileSync(join(dataDir, name), 'utf8'));
    const before = files();
    const second = await start({ CONFIDANT_DATA_DIR: dataDir });
    expect(await second.exited).toBe(1);
    expect(second.stderr()).toMatch(/another server .*CONFIDANT_DATA_DIR/);
    expect(second.stderr()).toContain(first.url);
    expect(files()).toEqual(before);

    first.process.kill('SIGKILL');
    await first.exited;
    const third = await start({ CONFIDANT_DATA_DIR: dataDir });
    expect(third.url).toMatch(/^http:/);
  });

  test('is refused when the keyring is lost, rather than with a new one', async () => {
    const dataDir = newDirectory();
    const first = await start({ CONFIDANT_DATA_DIR: dataDir });
    first.process.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    rmSync(join(dataDir, 'keyring.db'));
    const second = await start({ CONFIDANT_DATA_DIR: dataDir });
    expect(await second.exited).toBe(1);
    expect(second.stderr()).toContain('keyring.db');
  });

  test('prints help or version when asked, and exits with 2 for unknown arguments', async () => {
    const answer = (args: string[]): Promise<{ stdout: string }> =>
      promisify(execFile)(process.execPath, [join(ROOT, 'packages/server/bin/confidant-server.js'), ...args]);
    expect((await answer(['--help'])).stdout).toContain('CONFIDANT_DATA_DIR');
    expect((await answer(['--version'])).stdout).toMatch(/^confidant-server \d+\.\d+\.\d+\n$/);
    await expect(answer(['--port=1'])).rejects.toMatchObject({ code: 2 });
  });

  test('logs which KMS key of the settings cannot be used', async () => {
    const kms = await startKmsStandIn();
    const dynamo = await startDynamoDb();
    try {
      const program = await start({
        DYNAMODB_TABLE: 'confidant-check',
        DYNAMODB_CREATE_TABLE: 'true',
        DYNAMODB_URL: dynamo.endpoint,
        PYNAMO_REQUEST_TIMEOUT_SECONDS: '20',
        KMS_CONNECTION_TIMEOUT: '20',
        KMS_READ_TIMEOUT: '20',
        KMS_URL: kms.url,
        KMS_MASTER_KEY: 'alias/no-such-key',
        AUTH_KEY: 'alias/authnz-service',
        AUTH_CONTEXT: 'confidant-production',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_EC2_METADATA_DISABLED: 'true',
        BACKGROUND_CACHE_IAM_ROLES: 'false',
        STATSD_PORT: '0',
      });
      await expect.poll(() => program.stdout()).toContain('"setting":"KMS_MASTER_KEY"');
      expect(program.stdout()).not.toContain('"setting":"AUTH_KEY"');
    } finally {
      await kms.stop();
      await dynamo.stop();
    }
  });

  test('prints commands that store a credential and fetch it as a service when pasted', async () => {
    const program = await start({ CONFIDANT_DATA_DIR: newDirectory() });
    const lines = program
      .stderr()
      .match(/^ {2}(\. |npx ).*$/gm)!
      .join('\n');
    expect(lines.split('\n')).toHaveLength(4);
    const { stdout } = await promisify(execFile)('bash', ['-e', '-c', lines], { cwd: ROOT, timeout: 200_000 });
    const fetched = JSON.parse(stdout.slice(stdout.lastIndexOf('\n{'))) as { service: { credentials: unknown[] } };
    expect(fetched.service.credentials).toMatchObject([
      { name: 'Demo database', credential_pairs: { db_password: 'correct horse' } },
    ]);
  });
});

describe('the stop', () => {
  test('waits for a request in flight, and exits with 0', async () => {
    const dataDir = newDirectory();
    const program = await start({ CONFIDANT_DATA_DIR: dataDir });
    const call = caller(dataDir);
    const authorized = await call(program.url, 'GET', '/v1/user/email');
    expect(authorized.status).toBe(200);
    // The body is still on its way when the signal comes.
    const slow = request(`${program.url}/v1/credentials`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': 2, expect: '100-continue' },
    });
    const begun = once(slow, 'continue');
    const answered = new Promise<number>((resolve, reject) => {
      slow.on('response', (response) => resolve(response.statusCode!));
      slow.on('error', reject);
    });
    slow.flushHeaders();
    await begun;
    slow.write('{');
    program.process.kill('SIGTERM');
    await expect.poll(() => program.stdout()).toContain('"msg":"stopping"');
    slow.end('}');
    expect(await answered).toBe(401);
    expect(await program.exited).toBe(0);
  });

  test.each(['1', '2'])('does not wait for connections without a request, with WEB_CONCURRENCY=%s', async (count) => {
    const program = await start({ CONFIDANT_DATA_DIR: newDirectory(), WEB_CONCURRENCY: count });
    // Browsers open connections ahead, and load balancers to check that the server is there.
    const silent = Array.from({ length: 4 }, () => connect(Number(new URL(program.url).port), '127.0.0.1'));
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    const hungUp = silent.map((socket) => once(socket.resume(), 'close'));
    // Responses to later connections show that these have reached a server.
    expect(await Promise.all([0, 1, 2, 3].map(() => statusOf(`${program.url}/healthcheck`)))).toEqual(
      Array(4).fill(200),
    );
    program.process.kill('SIGTERM');
    await Promise.all(hungUp);
    expect(await program.exited).toBe(0);
    expect(program.stdout()).not.toContain('did not end in time');
  });

  test('kill -9 loses no acknowledged write, and the server starts again', async () => {
    const dataDir = newDirectory();
    const first = await start({ CONFIDANT_DATA_DIR: dataDir });
    const call = caller(dataDir);
    const acknowledged: string[] = [];
    const writers = Promise.allSettled(
      Array.from({ length: 40 }, async (_, i) => {
        const answer = await call(first.url, 'POST', '/v1/credentials', {
          name: `credential ${i}`,
          credential_pairs: { key: `value ${i}` },
        });
        if (answer.status === 200) acknowledged.push(((await answer.json()) as { id: string }).id);
        if (i === 20) first.process.kill('SIGKILL');
      }),
    );
    await writers;
    await first.exited;
    const second = await start({ CONFIDANT_DATA_DIR: dataDir });
    expect(acknowledged.length).toBeGreaterThan(0);
    for (const id of acknowledged) {
      const answer = await call(second.url, 'GET', `/v1/credentials/${id}`);
      const body = (await answer.json()) as { name: string; credential_pairs: { key: string } };
      expect([answer.status, body.credential_pairs.key]).toEqual([200, body.name.replace('credential', 'value')]);
    }
  });
});

/** Requests on a new connection, because connections are shared out to workers; 0 when the worker died meanwhile. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = get(url, { agent: false, timeout: 20_000 }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(0));
  });
}

describe('workers', () => {
  const pidsOf = (program: Program): number[] => [
    ...new Set([...program.stdout().matchAll(/"pid":(\d+).*"msg":"request"/g)].map((match) => Number(match[1]))),
  ];

  test('share one port, are replaced when they die, and stop together with exit code 0', async () => {
    const dataDir = newDirectory();
    const program = await start({ CONFIDANT_DATA_DIR: dataDir, WEB_CONCURRENCY: '2' });
    const ask = async (times: number): Promise<number[]> =>
      Promise.all(Array.from({ length: times }, () => statusOf(`${program.url}/v1/user/email`)));
    const until = async (ready: () => boolean): Promise<void> => {
      const asked = async (): Promise<boolean> => {
        await ask(4);
        return ready();
      };
      await expect.poll(asked, { timeout: 100_000 }).toBe(true);
    };
    await until(() => pidsOf(program).length === 2);
    const before = pidsOf(program);
    process.kill(before[0]!, 'SIGKILL');
    await until(() => pidsOf(program).length === 3);
    expect(program.stdout()).toContain('a worker died');
    program.process.kill('SIGTERM');
    expect(await program.exited).toBe(0);
  });
});
