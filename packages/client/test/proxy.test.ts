import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { isLoopback } from '@confidant/contract/wire';
import { goesThroughProxy } from '@confidant/kmsauth/proxy';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type ConnectProxy, startConnectProxy } from '../../kmsauth/test/connect-proxy.js';
import { AwsSession } from '../src/sdk/aws-session.js';
import { nodeTransport } from '../src/sdk/transport.js';

// This name cannot be resolved, so only requests through the proxy arrive.
const HOST = 'confidant.test';
const url = new URL(`https://${HOST}/v1/services`);
let server: Server;
let tunnel: ConnectProxy;
let proxy: string;

beforeAll(async () => {
  server = createServer((request, response) => response.end(JSON.stringify({ path: request.url })));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  tunnel = await startConnectProxy({
    hosts: { [HOST]: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
  });
  proxy = tunnel.url;
});
afterAll(async () => {
  await tunnel.close();
  server.close();
});
afterEach(() => {
  vi.unstubAllEnvs();
  tunnel.asked.length = 0;
  tunnel.answer = 200;
});

async function get(): Promise<unknown> {
  const transport = nodeTransport({ timeoutMs: 60_000, caFile: tunnel.caFile });
  try {
    return await transport({ method: 'GET', url, headers: {} });
  } finally {
    transport.close();
  }
}

describe('a proxy of the environment', () => {
  test('https goes through the proxy, named in upper or lower case, and certificates are verified', async () => {
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY']) {
      vi.stubEnv(name, proxy);
      expect(await get()).toMatchObject({ status: 200, text: '{"path":"/v1/services"}' });
      vi.unstubAllEnvs();
    }
    expect(tunnel.asked).toEqual([`${HOST}:443`, `${HOST}:443`, `${HOST}:443`]);
    vi.stubEnv('HTTPS_PROXY', proxy);
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const unverified = nodeTransport({ timeoutMs: 60_000 });
    await expect(unverified({ method: 'GET', url, headers: {} })).rejects.toMatchObject({ code: 'untrusted' });
    unverified.close();
  });

  test('hosts in NO_PROXY and this machine are reached directly', async () => {
    vi.stubEnv('HTTPS_PROXY', proxy);
    vi.stubEnv('NO_PROXY', HOST);
    await expect(get()).rejects.toMatchObject({ code: 'network' });
    vi.stubEnv('NO_PROXY', '');
    const here = nodeTransport({ timeoutMs: 60_000 });
    const { port } = server.address() as AddressInfo;
    const request = { method: 'GET' as const, url: new URL(`https://localhost:${port}/`), headers: {} };
    // The server was reached, but does not speak TLS.
    await expect(here(request)).rejects.toThrow(/\((EPROTO|ERR_SSL\w*)\)/);
    here.close();
    expect(tunnel.asked).toEqual([]);
  });

  test('every loopback host is reached directly', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f09:1]']) {
      expect([host, isLoopback(host), goesThroughProxy(`https://${host}`, { HTTPS_PROXY: proxy })]).toEqual([
        host,
        true,
        false,
      ]);
    }
  });

  test('a refusal by the proxy is not a response of the server', async () => {
    vi.stubEnv('HTTPS_PROXY', proxy);
    for (const status of [403, 404, 407, 502]) {
      tunnel.answer = status;
      const failure: unknown = await get().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'network', status: undefined });
      expect(String(failure)).toContain(`it answered ${status}`);
      expect(String(failure)).not.toContain('hunter2');
    }
  });

  test('a malformed proxy address is reported without its password', async () => {
    vi.stubEnv('HTTPS_PROXY', 'socks5://user:hunter2@127.0.0.1:1');
    const failure = await get().catch((error: unknown) => error);
    expect(String(failure)).toMatch(/HTTPS_PROXY must be/);
    expect(String(failure)).not.toContain('hunter2');
  });

  test('a proxy that does not answer is a timeout', async () => {
    vi.stubEnv('HTTPS_PROXY', proxy);
    tunnel.answer = 'hang';
    const transport = nodeTransport({ timeoutMs: 300 });
    await expect(transport({ method: 'GET', url, headers: {} })).rejects.toMatchObject({ code: 'timeout' });
    transport.close();
  });

  test('KMS and STS are reached through the proxy, too', async () => {
    vi.stubEnv('HTTPS_PROXY', proxy);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    tunnel.answer = 502;
    const ask = async (): Promise<unknown> => {
      const session = new AwsSession({ region: 'eu-west-1', timeoutMs: 20_000 });
      const asking = session.kms('eu-west-1').encrypt({ keyId: 'alias/x', plaintext: Buffer.from('x'), context: {} });
      return asking.catch((error: unknown) => error).finally(() => session.close());
    };
    const failure = await ask();
    expect(failure).toMatchObject({ name: 'KmsUnavailable' });
    expect(String((failure as Error).cause)).toContain(`the proxy ${tunnel.where} makes no connection`);
    expect(new Set(tunnel.asked)).toEqual(new Set(['kms.eu-west-1.amazonaws.com:443']));

    const token = join(dirname(tunnel.caFile), 'web-identity');
    writeFileSync(token, 'a token');
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', token);
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/x');
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    tunnel.asked.length = 0;
    expect(await ask()).toMatchObject({ name: 'KmsUnavailable' });
    expect(new Set(tunnel.asked)).toEqual(new Set(['sts.eu-west-1.amazonaws.com:443']));

    vi.stubEnv('HTTPS_PROXY', 'socks5://user:hunter2@127.0.0.1:1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST');
    expect(await ask()).toMatchObject({
      name: 'ConfigError',
      faults: ['HTTPS_PROXY must be an http or https address'],
    });
  });
});
