import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { openAccessKey } from '../../src/embedded/access-key.js';
import { Keyring } from '../../src/embedded/keyring.js';
import { PrivateFileError } from '../../src/embedded/private-files.js';
import { temporaryDirectory } from './temporary-directory.js';

/** Between two synced writes of one process the other gets in only by chance, which may take seconds on a slow disk. */
const BUSY_TIMEOUT_MS = 100_000;

// Other processes run the built package, as vitest.config.ts says.
const built = new URL('../../dist/embedded/', import.meta.url).href;

/** Starts a process that has loaded the code and waits; `go` lets it run with `dataDir`. */
async function startProcess(
  dataDir: string,
  code: string,
): Promise<{ child: ChildProcess; go: () => Promise<string> }> {
  const program = `
    import { Keyring } from '${built}keyring.js';
    import { openAccessKey } from '${built}access-key.js';
    const dataDir = ${JSON.stringify(dataDir)};
    const busyTimeoutMs = ${BUSY_TIMEOUT_MS};
    process.stdin.once('data', async () => { ${code} });
    process.stderr.write('ready');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  let told = '';
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      if (told.endsWith('ready')) resolve();
    });
    child.on('close', () => resolve());
  });
  expect(told).toBe('ready');
  const output = text(child.stdout);
  return {
    child,
    go: () => {
      child.stdin.end('go');
      return output;
    },
  };
}

test('processes that start at the same time agree on one keyring and one access key', async () => {
  const dataDir = join(temporaryDirectory(), 'data');
  const code = `
    const keyring = Keyring.open(dataDir, { busyTimeoutMs });
    process.stdout.write(JSON.stringify([keyring.aliases('us-east-1'), openAccessKey(dataDir)]));`;
  const processes = await Promise.all([1, 2, 3, 4].map(() => startProcess(dataDir, code)));
  const outputs = await Promise.all(processes.map(({ go }) => go()));
  const keyring = Keyring.open(dataDir);
  onTestFinished(() => keyring.close());
  const agreed = JSON.stringify([keyring.aliases('us-east-1'), openAccessKey(dataDir)]);
  expect(outputs).toEqual([agreed, agreed, agreed, agreed]);
  expect(keyring.keys('us-east-1')).toHaveLength(3);
  expect(readdirSync(dataDir).sort()).toEqual(['access-key.json', 'keyring.db']);
});

test('two processes that change keys and grants at the same time lose nothing and see each other’s changes at once', async () => {
  const dataDir = temporaryDirectory();
  const keyring = Keyring.open(dataDir);
  onTestFinished(() => keyring.close());
  const grants = (own: string) => `
    const keyring = Keyring.open(dataDir, { busyTimeoutMs });
    const kms = keyring.kms('us-east-1');
    const grant = { keyId: 'alias/confidant-service', operations: ['Decrypt'], contextSubset: {} };
    for (let i = 0; i < 20; i += 1) {
      await kms.createGrant({ ...grant, granteePrincipal: 'shared-' + i });
      await kms.createGrant({ ...grant, granteePrincipal: '${own}-' + i });
    }
    keyring.createKey('us-west-2', 'alias/${own}');`;
  const processes = await Promise.all(['a', 'b'].map((own) => startProcess(dataDir, grants(own))));
  await Promise.all(processes.map(({ go }) => go()));
  const listed = await keyring.kms('us-east-1').listGrants('alias/confidant-service');
  expect(new Set(listed.map(({ granteePrincipal }) => granteePrincipal)).size).toBe(60);
  expect(listed).toHaveLength(60);
  expect(keyring.aliases('us-west-2').map(({ alias }) => alias)).toEqual(['alias/a', 'alias/b']);
});

/** The files of a first start in the order of their creation, beginning with the directory itself. */
const STEPS = ['.', 'access-key.json', 'keyring.db'];

test('kill -9 at any moment of a first start leaves no half-written file', async () => {
  const parent = temporaryDirectory();
  // This program creates one data directory after another, so that the kill interrupts the creation of one.
  const code = `
    for (let i = 0; ; i += 1) {
      openAccessKey(dataDir + '/' + i);
      Keyring.open(dataDir + '/' + i).close();
    }`;
  for (let round = 0; round < 2 * STEPS.length; round += 1) {
    const dataDir = join(parent, String(round));
    const { child, go } = await startProcess(dataDir, code);
    const over = go();
    // Each kill comes after another number of directories, and at another step of the next one.
    const reached = join(dataDir, String(round), STEPS[round % STEPS.length]!);
    await expect.poll(() => existsSync(reached), { interval: 1, timeout: 100_000 }).toBe(true);
    await sleep(Math.random() * 10);
    child.kill('SIGKILL');
    await over;
  }
  const started = readdirSync(parent).flatMap((round) =>
    readdirSync(join(parent, round)).map((made) => join(parent, round, made)),
  );
  expect(started.length).toBeGreaterThan(0);
  for (const dataDir of started) {
    for (const file of readdirSync(dataDir)) expect(statSync(join(dataDir, file)).mode & 0o077).toBe(0);
    const accessKey = openAccessKey(dataDir);
    expect(accessKey).toEqual(openAccessKey(dataDir));
    const keyring = Keyring.open(dataDir);
    expect(keyring.aliases('us-east-1')).toHaveLength(3);
    expect(keyring.keys('us-east-1')).toHaveLength(3);
    keyring.close();
  }
});

test('an access key has the form of AWS, mode 0600, and differs between data directories', () => {
  const [one, other] = [temporaryDirectory(), temporaryDirectory()];
  const accessKey = openAccessKey(one);
  expect(accessKey.accessKeyId).toMatch(/^AKIA[A-Z2-7]{16}$/);
  expect(accessKey.secretAccessKey).toMatch(/^[A-Za-z0-9+/]{40}$/);
  expect(statSync(join(one, 'access-key.json')).mode & 0o777).toBe(0o600);
  expect(openAccessKey(one)).toEqual(accessKey);
  expect(openAccessKey(other).secretAccessKey).not.toBe(accessKey.secretAccessKey);
});

test('an access key that others can read, or a file without one, is refused without quoting it', () => {
  const dataDir = temporaryDirectory();
  const path = join(dataDir, 'access-key.json');
  const { secretAccessKey } = openAccessKey(dataDir);
  chmodSync(path, 0o644);
  expect(() => openAccessKey(dataDir)).toThrow(/other users can read/);
  chmodSync(path, 0o600);
  for (const broken of [secretAccessKey, `{"secretAccessKey":"${secretAccessKey}"}`, '', '[]', 'null']) {
    writeFileSync(path, broken);
    let thrown: unknown;
    try {
      openAccessKey(dataDir);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PrivateFileError);
    const { message, cause } = thrown as PrivateFileError;
    expect(message).not.toContain(secretAccessKey);
    expect(cause).toBeUndefined();
  }
});
