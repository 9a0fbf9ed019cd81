import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AwsSession } from '../src/aws-session.js';
import { nodeTransport } from '../src/transport.js';

// The name resolves nowhere: only what goes through the proxy arrives.
const HOST = 'confidant.test';
const asked: string[] = [];
let answer = 200;
let folder: string;
let proxy: string;
let url: URL;
const servers: Server[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-proxy-'));
  const subject = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`, '-days', '2'];
  const files = ['-keyout', 'key.pem', '-out', 'cert.pem'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...files], { cwd: folder, stdio: 'ignore' });
  const server = createTlsServer(
    { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) },
    (request, response) => response.end(JSON.stringify({ path: request.url })),
  );
  const tunnel = createHttpServer().on('connect', (request, socket) => {
    asked.push(request.url!);
    socket.on('error', () => undefined);
    if (answer !== 200) return socket.end(`HTTP/1.1 ${answer} No\r\ncontent-length: 0\r\n\r\n`);
    const { port } = server.address() as AddressInfo;
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    return socket;
  });
  for (const each of [server, tunnel]) {
    await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
    servers.push(each);
  }
  proxy = `http://user:hunter2@127.0.0.1:${(tunnel.address() as AddressInfo).port}`;
  url = new URL(`https://${HOST}/v1/services`);
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
  asked.length = 0;
  answer = 200;
});

async function get(): Promise<unknown> {
  const transport = nodeTransport({ timeoutMs: 5000, caFile: join(folder, 'cert.pem') });
  try {
    return await transport({ method: 'GET', url, headers: {} });
  } finally {
    transport.close();
  }
}

describe('a proxy of the environment', () => {
  it('is what https goes through, in capitals or not, and certificates are verified behind it', async () => {
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY']) {
      vi.stubEnv(name, proxy);
      expect(await get()).toMatchObject({ status: 200, text: '{"path":"/v1/services"}' });
      vi.unstubAllEnvs();
    }
    expect(asked).toEqual([`${HOST}:443`, `${HOST}:443`, `${HOST}:443`]);
    vi.stubEnv('HTTPS_PROXY', proxy);
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const unverified = nodeTransport({ timeoutMs: 5000 });
    await expect(unverified({ method: 'GET', url, headers: {} })).rejects.toMatchObject({ code: 'network' });
    unverified.close();
  });

  it('is not asked for hosts of NO_PROXY, nor for this machine', async () => {
    vi.stubEnv('HTTPS_PROXY', proxy);
    vi.stubEnv('NO_PROXY', HOST);
    await expect(get()).rejects.toMatchObject({ code: 'network' });
    vi.stubEnv('NO_PROXY', '');
    const here = nodeTransport({ timeoutMs: 5000 });
    const { port } = servers[0]!.address() as AddressInfo;
    const request = { method: 'GET' as const, url: new URL(`https://localhost:${port}/`), headers: {} };
    await expect(here(request)).rejects.toThrow(/SELF_SIGNED/);
    here.close();
    expect(asked).toEqual([]);
  });

  it('is not taken for the server when it refuses: no 404 of its own is one of the server', async () => {
    vi.stubEnv('HTTPS_PROXY', proxy);
    for (answer of [403, 404, 407, 502]) {
      const failure: unknown = await get().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'network', status: undefined });
      expect(String(failure)).toContain(`it answered ${answer}`);
      expect(String(failure)).not.toContain('hunter2');
    }
  });

  it('refused without the password of it: an address that is none', async () => {
    vi.stubEnv('HTTPS_PROXY', 'socks5://user:hunter2@127.0.0.1:1');
    const failure = await get().catch((error: unknown) => error);
    expect(String(failure)).toMatch(/HTTPS_PROXY must be/);
    expect(String(failure)).not.toContain('hunter2');
  });

  it('is what KMS is asked through too', async () => {
    vi.stubEnv('HTTPS_PROXY', proxy);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    answer = 502;
    const session = new AwsSession({ region: 'eu-west-1', timeoutMs: 2000 });
    const asking = session.kms('eu-west-1').encrypt({ keyId: 'alias/x', plaintext: Buffer.from('x'), context: {} });
    await expect(asking).rejects.toMatchObject({ name: 'KmsUnavailable' });
    session.close();
    expect(new Set(asked)).toEqual(new Set(['kms.eu-west-1.amazonaws.com:443']));
  });
});
