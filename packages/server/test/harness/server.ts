import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { parseJson } from '@confidant/contract';
import { type KmsLike, TokenGenerator } from '@confidant/kmsauth';
import { pino } from 'pino';
import { openServer } from '../../src/compose/server.js';
import { readSettings } from '../../src/config/parse.js';
import type { Settings } from '../../src/config/server-settings.js';
import type { Fault } from '../../src/config/setting-types.js';
import { Keyring } from '../../src/embedded/keyring.js';

/** A SESSION_SECRET that is long enough. */
export const SECRET = 'a-secret-of-tests-of-forty-characters....';

/** A response, with its body parsed when it is JSON. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // eslint-disable-next-line typescript/no-explicit-any
  json: any;
}

/**
 * How a request is authenticated: with a token of `user:alice`, `service:web`, `v1:web` (a service's token of version 1)
 * or `sandbox:web` (a service in the account of the sandbox key), with headers, or not at all.
 */
export type As = string | Record<string, string> | null;

/** The whole server in this process, on a port of its own, over real adapters. */
export interface TestServer {
  url: string;
  dataDir: string;
  /** Everything logged so far, one JSON line for each entry. */
  log: () => string;
  call(as: As, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** The metrics for Prometheus; only with METRICS_PORT. */
  metrics(): Promise<string>;
  /** User name and token of a principal. */
  token(as: string): Promise<{ username: string; token: string }>;
  stop(): Promise<void>;
}

/** DynamoDB and KMS of a test server. */
export interface Backend {
  environment: Record<string, string>;
  /** Makes tokens with the keys of the environment. */
  kms: KmsLike;
}

/**
 * Starts a server: over `backend`, or with the embedded store in a folder of its own. `port` is for logins that must
 * know the address before the server starts. Rejects with the list of invalid settings.
 */
export async function startServer(
  environment: Record<string, string> = {},
  backend: Partial<Backend> & { port?: number } = {},
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-server-'));
  const { settings, faults } = readSettings({
    CONFIDANT_DATA_DIR: join(folder, 'data'),
    SESSION_SECRET: SECRET,
    ...backend.environment,
    ...environment,
  });
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  let log = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk.toString('utf8');
      done();
    },
  });
  const opened = await openServer(settings, pino({ level: 'trace' }, sink));
  const url = await opened.server.listen({ host: '127.0.0.1', port: backend.port ?? 0 });
  let keyring: Keyring | undefined;
  const token = tokensOf(
    settings,
    () => backend.kms ?? (keyring ??= Keyring.open(settings.CONFIDANT_DATA_DIR)).kms('us-east-1'),
  );
  return {
    url,
    dataDir: settings.CONFIDANT_DATA_DIR,
    log: () => log,
    metrics: () => opened.prometheus!.render(),
    token,
    async call(as, method, path, body, more) {
      const headers: Record<string, string> = { ...more, ...(typeof as === 'object' ? as : {}) };
      if (typeof as === 'string') {
        const { username, token: password } = await token(as);
        headers['authorization'] = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
      }
      if (body !== undefined && headers['Content-Type'] === undefined) headers['content-type'] = 'application/json';
      const response = await fetch(url + path, {
        method,
        headers,
        redirect: 'manual',
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.startsWith('application/json') === true && text !== '';
      return { status: response.status, headers: response.headers, text, json: isJson ? parseJson(text) : undefined };
    },
    async stop() {
      await opened.close();
      keyring?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The faults for which the server would refuse to start. */
export function faultsOf(environment: Record<string, string>): Fault[] {
  return readSettings({ SESSION_SECRET: SECRET, ...environment }).faults;
}

/** Makes tokens, one generator for each principal. */
function tokensOf(settings: Settings, kms: () => KmsLike): TestServer['token'] {
  const generators = new Map<string, TokenGenerator>();
  return (as) => {
    const [type, from] = as.split(':') as [string, string];
    let generator = generators.get(as);
    if (generator === undefined) {
      const serviceKey = type === 'sandbox' ? 'alias/authnz-sandbox' : settings.AUTH_KEY;
      generator = new TokenGenerator({
        kms: kms(),
        authKey: type === 'user' ? settings.USER_AUTH_KEY : serviceKey,
        from,
        to: settings.AUTH_CONTEXT,
        userType: type === 'user' ? 'user' : 'service',
        version: type === 'v1' ? 1 : 2,
        lifetimeMinutes: 10,
      });
      generators.set(as, generator);
    }
    return generator.token();
  };
}
