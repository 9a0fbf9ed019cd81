// The servers that the benchmarks compare: Confidant on both stores, and a bare node:http server that returns the same bytes.
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TokenGenerator } from '../packages/kmsauth/dist/index.js';
import { openAccessKey } from '../packages/server/dist/embedded/access-key.js';
import { Keyring } from '../packages/server/dist/embedded/keyring.js';
import { startKmsEndpoint } from '../packages/server/dist/embedded/kms-endpoint.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
export const SERVICE = 'bench-service';
export const CREDENTIALS = 10;

/** Starts Confidant on the embedded store, with one service that has ten credentials. */
export async function startSqlite(workers, nodeOptions = []) {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-bench-'));
  const dataDir = join(folder, 'data');
  const environment = { CONFIDANT_DATA_DIR: dataDir, CONFIDANT_KMS_PORT: '0', WEB_CONCURRENCY: String(workers) };
  const server = await startConfidant(environment, folder, nodeOptions);
  const keyring = Keyring.open(dataDir);
  const kms = keyring.kms('us-east-1');
  await fill(server, {
    user: { kms, authKey: 'alias/confidant-user', to: 'confidant' },
    service: { kms, authKey: 'alias/confidant-service', to: 'confidant' },
  });
  return {
    ...server,
    dataDir,
    stop: async () => {
      await server.stop();
      keyring.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts Confidant on DynamoDB and KMS. The table answers from memory, in a process of its own. */
export async function startDynamo(workers, nodeOptions = []) {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-bench-'));
  const keyring = Keyring.open(join(folder, 'kms'));
  const accessKey = openAccessKey(join(folder, 'kms'));
  const endpoint = await startKmsEndpoint({ keyring, accessKey, host: '127.0.0.1', port: 0 });
  const table = await startProgram(
    [here('./dynamodb-in-memory.mjs')],
    {},
    join(folder, 'table.log'),
    /^listening (\S+)/m,
  );
  const environment = {
    AWS_ACCESS_KEY_ID: accessKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: accessKey.secretAccessKey,
    AUTH_CONTEXT: 'confidant-bench',
    AUTH_KEY: 'alias/confidant-service',
    USER_AUTH_KEY: 'alias/confidant-user',
    KMS_AUTH_USER_TYPES: 'user,service',
    KMS_AUTH_MANAGE_GRANTS: 'false',
    KMS_MASTER_KEY: 'alias/confidant-master',
    KMS_URL: endpoint.url,
    DYNAMODB_URL: table.url,
    DYNAMODB_TABLE: 'bench',
    BACKGROUND_CACHE_IAM_ROLES: 'false',
    SESSION_SECRET: 'for a benchmark only, and long enough',
    USER_AUTH_MODULE: 'header',
    HEADER_AUTH_USERNAME_HEADER: 'x-user',
    HEADER_AUTH_EMAIL_HEADER: 'x-email',
    SSLIFY: 'false',
    STATSD_PORT: '0',
    WEB_CONCURRENCY: String(workers),
  };
  const server = await startConfidant(environment, folder, nodeOptions);
  const kms = keyring.kms('us-east-1');
  await fill(server, {
    user: { kms, authKey: 'alias/confidant-user', to: 'confidant-bench' },
    service: { kms, authKey: 'alias/confidant-service', to: 'confidant-bench' },
  });
  return {
    ...server,
    stop: async () => {
      await server.stop();
      await table.stop();
      await endpoint.close();
      keyring.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a cluster of bare node:http servers that return `bytes` bytes of JSON. */
export async function startBare(workers, bytes) {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-bench-'));
  const server = await startProgram(
    [here('./bare.mjs')],
    { WORKERS: String(workers), BYTES: String(bytes) },
    join(folder, 'bare.log'),
    /^listening (\S+)/m,
  );
  return {
    ...server,
    headers: {},
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startConfidant(environment, folder, nodeOptions) {
  const program = [...nodeOptions, here('../packages/server/bin/confidant-server.js')];
  return startProgram(
    program,
    { PORT: '0', ...environment },
    join(folder, 'server.log'),
    /"url":"([^"]+)".*"listening"/,
  );
}

/** Starts a program and reads its address from its log. */
async function startProgram(args, environment, logFile, pattern) {
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    stdio: ['ignore', log, log],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  for (let waited = 0; waited < 300; waited++) {
    const address = pattern.exec(readFileSync(logFile, 'utf8'))?.[1];
    if (address) {
      return {
        pid: child.pid,
        url: address,
        stop: async () => {
          child.kill('SIGTERM');
          await ended;
        },
      };
    }
    if (child.exitCode !== null) break;
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error(`did not start:\n${readFileSync(logFile, 'utf8')}`);
}

/** Creates ten credentials and maps them to one service. Returns the address and headers of the request to measure. */
async function fill(server, { user, service }) {
  const as = async (type, from, key) => {
    const generator = new TokenGenerator({ ...key, from, userType: type, version: 2, lifetimeMinutes: 60 });
    const { username, token } = await generator.token();
    return { authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}` };
  };
  const headers = { ...(await as('user', 'bench', user)), 'content-type': 'application/json' };
  const send = async (method, path, body) => {
    const response = await fetch(server.url + path, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const credentials = [];
  for (let i = 0; i < CREDENTIALS; i++) {
    const { id } = await send('POST', '/v1/credentials', {
      name: `Credential ${i}`,
      credential_pairs: { [`user_${i}`]: `somebody-${i}`, [`password_${i}`]: `a password of usual length, ${i}` },
      documentation: 'Ask the owning team to rotate this one',
      metadata: { owner: `team-${i}` },
      tags: ['ADMIN_PRIV'],
    });
    credentials.push(id);
  }
  await send('PUT', `/v1/services/${SERVICE}`, { credentials });
  server.url += `/v1/services/${SERVICE}`;
  server.headers = await as('service', SERVICE, service);
}
