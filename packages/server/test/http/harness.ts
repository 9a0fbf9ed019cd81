import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { parseJson } from '@confidant/contract';
import { type KmsLike, TokenGenerator } from '@confidant/kmsauth';
import { pino } from 'pino';
import { openServer } from '../../src/compose/server.js';
import { readSettings } from '../../src/config/parse.js';
import { Keyring } from '../../src/embedded/keyring.js';

/** A response, with its body parsed when it is JSON. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // eslint-disable-next-line typescript/no-explicit-any
  json: any;
}

/** The caller of a test request: `user:alice`, `service:web`, `v1:web`; or its headers; or null for nobody. */
export type As = string | Record<string, string> | null;

/** The whole server on a free port, over real adapters. */
export interface TestServer {
  url: string;
  /** Everything logged so far, one JSON line each. */
  log: () => string;
  call(as: As, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** The metrics that Prometheus would read; with METRICS_PORT only. */
  metrics(): Promise<string>;
  /** Basic credentials of a principal. */
  token(as: string): Promise<{ username: string; token: string }>;
  stop(): Promise<void>;
}

/** The backends of a test server; by default the embedded ones in a folder of their own. */
export interface Backend {
  environment: Record<string, string>;
  /** Makes tokens with the keys of the environment. */
  kms: KmsLike;
}

export async function startServer(
  environment: Record<string, string> = {},
  backend?: Backend,
): Promise<TestServer & { dataDir: string }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'confidant-server-'));
  const given = { CONFIDANT_DATA_DIR: join(dataDir, 'data'), PORT: '0', ...backend?.environment, ...environment };
  const { settings, faults } = readSettings(given);
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  let log = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk.toString('utf8');
      done();
    },
  });
  const composed = await openServer(settings, pino({ level: 'trace' }, sink));
  const url = await composed.server.listen({ host: '127.0.0.1', port: 0 });
  const keyring = backend ? undefined : Keyring.open(settings.CONFIDANT_DATA_DIR);
  const kms = backend?.kms ?? keyring!.kms('us-east-1');

  const generators = new Map<string, TokenGenerator>();
  const token = (as: string): Promise<{ username: string; token: string }> => {
    const [type, from] = as.split(':') as [string, string];
    let generator = generators.get(as);
    if (generator === undefined) {
      generator = new TokenGenerator({
        kms,
        authKey:
          type === 'user' ? settings.USER_AUTH_KEY : type === 'sandbox' ? 'alias/authnz-sandbox' : settings.AUTH_KEY,
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

  return {
    url,
    dataDir: settings.CONFIDANT_DATA_DIR,
    log: () => log,
    metrics: () => composed.prometheus!.render(),
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
      await composed.close();
      keyring?.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
