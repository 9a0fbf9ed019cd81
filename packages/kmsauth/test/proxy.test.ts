import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { goesThroughProxy, proxyAgent, ProxyError, proxyFault } from '../src/proxy.js';
import { proxyFor } from '../src/proxy-address.js';
import { type ConnectProxy, PROXY_PASSWORD, startConnectProxy } from './connect-proxy.js';

const HOST = 'confidant.test';
let server: Server;
let proxy: ConnectProxy;
const agents: Agent[] = [];

beforeAll(async () => {
  server = createServer((asked, response) => {
    if (asked.method === 'POST') asked.pipe(response);
    else response.end(asked.url);
  });
  // No idle connection is closed, because a request could reuse it at that moment.
  server.keepAliveTimeout = 0;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const behind = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy = await startConnectProxy({ hosts: { [HOST]: behind, 'other.test': behind } });
});
afterAll(async () => {
  await proxy.close();
  server.close();
});
afterEach(() => {
  vi.useRealTimers();
  for (const agent of agents.splice(0)) agent.destroy();
  proxy.asked.length = 0;
  proxy.answer = 200;
});

async function agentOf(options: { maxSockets?: number; connectTimeoutMs?: number } = {}, url = proxy.url) {
  const agent = await proxyAgent({ maxSockets: 10, connectTimeoutMs: 60_000, ...options }, { HTTPS_PROXY: url });
  agents.push(agent!);
  return agent!;
}

function get(agent: Agent, host = HOST): Promise<{ text: string; reused: boolean }> {
  return new Promise((resolve, reject) => {
    const asking = request(`https://${host}/path`, { agent, ca: readFileSync(proxy.caFile) }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => setImmediate(resolve, { text, reused: asking.reusedSocket }));
    });
    asking.on('error', reject).end();
  });
}

/** Returns the proxy that the variables give for https to `host`. */
function chosen(environment: Record<string, string>, host = 'kms.us-east-1.amazonaws.com', port = 443) {
  return proxyFor(host, port, environment)?.href;
}

describe('the variables of a proxy', () => {
  const HTTPS_PROXY = 'http://proxy.corp:3128';

  test('the variables are read as by the original: lower case first, HTTPS_PROXY before ALL_PROXY', () => {
    expect(chosen({})).toBeUndefined();
    expect(chosen({ HTTP_PROXY: HTTPS_PROXY, http_proxy: HTTPS_PROXY })).toBeUndefined();
    expect(chosen({ HTTPS_PROXY })).toBe('http://proxy.corp:3128/');
    expect(chosen({ ALL_PROXY: HTTPS_PROXY })).toBe('http://proxy.corp:3128/');
    expect(chosen({ all_proxy: HTTPS_PROXY })).toBe('http://proxy.corp:3128/');
    expect(chosen({ HTTPS_PROXY, https_proxy: 'http://lower:1' })).toBe('http://lower:1/');
    expect(chosen({ HTTPS_PROXY, https_proxy: '' })).toBeUndefined();
    expect(chosen({ HTTPS_PROXY, ALL_PROXY: 'http://all:1' })).toBe('http://proxy.corp:3128/');
  });

  test('an address without a scheme means http', () => {
    expect(chosen({ HTTPS_PROXY: 'proxy.corp:3128' })).toBe('http://proxy.corp:3128/');
    expect(chosen({ HTTPS_PROXY: 'user:pass@proxy.corp:3128' })).toBe('http://user:pass@proxy.corp:3128/');
    expect(chosen({ HTTPS_PROXY: 'https://proxy.corp' })).toBe('https://proxy.corp/');
  });

  test.each([
    ['amazonaws.com', 'kms.us-east-1.amazonaws.com', 443, true],
    ['.amazonaws.com', 'kms.us-east-1.amazonaws.com', 443, true],
    ['*.amazonaws.com', 'KMS.us-east-1.AmazonAWS.com', 443, true],
    ['kms.us-east-1.amazonaws.com.', 'kms.us-east-1.amazonaws.com', 443, false],
    ['zonaws.com', 'kms.us-east-1.amazonaws.com', 443, false],
    ['us-east-1', 'kms.us-east-1.amazonaws.com', 443, false],
    ['internal, example.org  amazonaws.com', 'kms.us-east-1.amazonaws.com', 443, true],
    ['example.org:443', 'example.org', 443, true],
    ['example.org:443', 'example.org', 8443, false],
    ['*', 'example.org', 443, true],
    ['', 'example.org', 443, false],
    ['10.0.0.0/8', '10.1.2.3', 443, true],
    ['10.0.0.0/8', '11.1.2.3', 443, false],
    ['10.1.2.3', '10.1.2.3', 443, true],
    ['2.3', '10.1.2.3', 443, false],
    ['fd00::/8', 'fd00::1', 443, true],
    ['[fd00::1]:443', 'fd00::1', 443, true],
    ['10.0.0.0/99', '10.1.2.3', 443, false],
  ])('with NO_PROXY=%s, %s:%i is reached directly: %s', (exceptions, host, port, isDirect) => {
    expect(chosen({ HTTPS_PROXY, NO_PROXY: exceptions }, host, port) === undefined).toBe(isDirect);
    expect(chosen({ HTTPS_PROXY, no_proxy: exceptions, NO_PROXY: '*' }, host, port) === undefined).toBe(isDirect);
  });

  test.each([
    'localhost',
    'a.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '169.254.169.254',
    '169.254.170.2',
    'fd00:ec2::254',
  ])('%s is never reached through a proxy', (host) =>
    expect(chosen({ HTTPS_PROXY, NO_PROXY: '' }, host)).toBeUndefined(),
  );

  test('nothing is loaded if no variable is set', () => {
    const loaded = (environment: object): string => {
      const program = `import { proxyAgent } from '@confidant/kmsauth/proxy';
        await proxyAgent({ maxSockets: 1, connectTimeoutMs: 1 }, ${JSON.stringify(environment)});
        process.stdout.write(String(process.moduleLoadList.includes('NativeModule https')));`;
      return execFileSync(process.execPath, ['--input-type=module', '-e', program], {
        cwd: import.meta.dirname,
        encoding: 'utf8',
      });
    };
    expect([loaded({}), loaded({ HTTPS_PROXY })]).toEqual(['false', 'true']);
  });

  test('the variables apply to https only', () => {
    expect(goesThroughProxy('https://example.org', { HTTPS_PROXY })).toBe(true);
    expect(goesThroughProxy('http://example.org', { HTTPS_PROXY, ALL_PROXY: HTTPS_PROXY })).toBe(false);
  });

  test('a malformed variable is reported by name, without its value', () => {
    for (const wrong of ['socks5://user:hunter2@proxy:1', 'http://', 'http://a b']) {
      expect(proxyFault({ all_proxy: wrong })).toEqual({
        variable: 'all_proxy',
        problem: 'must be an http or https address',
      });
      expect(() => chosen({ HTTPS_PROXY: wrong })).toThrow(
        new ProxyError('HTTPS_PROXY must be an http or https address'),
      );
    }
    expect(proxyFault({ HTTPS_PROXY, ALL_PROXY: 'socks5://proxy' })).toBeUndefined();
    expect(proxyFault({})).toBeUndefined();
  });
});

describe('a connection through a proxy', () => {
  test('a connection is reused, and the proxy gets its user name and password', async () => {
    const agent = await agentOf({ maxSockets: 1 });
    expect(await get(agent)).toEqual({ text: '/path', reused: false });
    expect(await get(agent)).toEqual({ text: '/path', reused: true });
    expect(await Promise.all([get(agent), get(agent)])).toHaveLength(2);
    expect(proxy.asked).toEqual([`${HOST}:443`]);
    expect(proxy.authorization).toBe(`Basic ${Buffer.from(`user:${PROXY_PASSWORD}`).toString('base64')}`);
  });

  test('a connection counts among maxSockets from the moment it is begun', async () => {
    const agent = await agentOf({ maxSockets: 2 });
    await Promise.all(Array.from({ length: 8 }, () => get(agent)));
    expect(proxy.asked).toHaveLength(2);
  });

  test('a connection carries large bodies both ways, even if the host closes it after its response', async () => {
    const body = 'x'.repeat(8 * 1024 * 1024);
    for (const connection of ['keep-alive', 'close']) {
      const options = {
        method: 'POST',
        agent: await agentOf(),
        ca: readFileSync(proxy.caFile),
        headers: { connection },
      };
      const echoed = await new Promise<string>((resolve, reject) => {
        const asking = request(`https://${HOST}/`, options, (answer) => {
          text(answer).then(resolve, reject);
        });
        asking.on('error', reject).end(body);
      });
      expect(echoed === body).toBe(true);
    }
  });

  test('an idle connection does not keep the process alive', async () => {
    const program = `import { readFileSync } from 'node:fs';
      import { get } from 'node:https';
      import { proxyAgent } from '@confidant/kmsauth/proxy';
      const agent = await proxyAgent({ maxSockets: 1, connectTimeoutMs: 60_000 });
      const ask = (next) => get('https://${HOST}/path', { agent, ca: readFileSync('${proxy.caFile}') }, (answer) =>
        answer.on('end', () => setImmediate(next)).pipe(process.stdout, { end: false }));
      ask(() => ask(() => process.stdout.write(' ' + Object.keys(agent.freeSockets).length)));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      cwd: import.meta.dirname,
      env: { HTTPS_PROXY: proxy.url },
    });
    expect(stdout).toBe('/path/path 1');
    expect(proxy.asked).toHaveLength(1);
  });

  test.each([
    ['user:100%safe', 'user:100%safe'],
    ['user:100%25safe', 'user:100%safe'],
    ['us%er:50%', 'us%er:50%'],
    ['user:%', 'user:%'],
    ['user:%4', 'user:%4'],
    ['user:%zz%40%', 'user:%zz@%'],
    ['user:p%C3%BC%41', 'user:pü\u0041'],
    ['user:%C3', 'user:\ufffd'],
    ['user%3Aname:a+b', 'user:name:a+b'],
  ])('the credentials %s in the address reach the proxy as %s', async (written, sent) => {
    const agent = await agentOf({}, `http://${written}@${proxy.where}`);
    await get(agent);
    expect(Buffer.from(String(proxy.authorization).replace('Basic ', ''), 'base64').toString()).toBe(sent);
  });

  test('each host gets its own connection', async () => {
    const agent = await agentOf();
    expect([await get(agent), await get(agent, 'other.test')]).toHaveLength(2);
    expect(proxy.asked).toEqual([`${HOST}:443`, 'other.test:443']);
  });

  test.each([302, 403, 404, 407, 502])(
    'a proxy that answers %d is a ProxyError, not a response of the host',
    async (status) => {
      proxy.answer = status;
      const failure: unknown = await get(await agentOf()).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ProxyError);
      expect(String(failure)).toContain(`the proxy ${proxy.where} makes no connection to ${HOST}:443: it answered`);
      expect(String(failure)).not.toContain('hunter2');
    },
  );

  test('requests that wait for a failed connection fail, and the next one connects again', async () => {
    const agent = await agentOf({ maxSockets: 1 });
    proxy.answer = 502;
    const asking = [get(agent), get(agent), get(agent)];
    for (const { status } of await Promise.allSettled(asking)) expect(status).toBe('rejected');
    proxy.answer = 200;
    expect((await get(agent)).text).toBe('/path');
  });

  test('a connection is closed with an error if the proxy does not answer in time', async () => {
    const agent = await agentOf({ maxSockets: 1, connectTimeoutMs: 200 });
    proxy.answer = 'hang';
    // The test controls the agent's clock, because the next steps may take longer than 200 ms.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const asking = get(agent).catch((error: unknown) => error);
    await expect.poll(() => proxy.asked).toHaveLength(1);
    vi.advanceTimersByTime(200);
    expect(await asking).toMatchObject({
      name: 'ProxyError',
      code: 'ETIMEDOUT',
      message: `the proxy ${proxy.where} made no connection to ${HOST}:443 within 200 ms`,
    });
    await expect.poll(() => proxy.connections()).toBe(0);
    proxy.answer = 200;
    expect((await get(agent)).text).toBe('/path');
  });

  test.each(['close', 'endless'] as const)(
    'a proxy that misbehaves (%s) is a ProxyError, and the connection is closed',
    async (answer) => {
      proxy.answer = answer;
      await expect(get(await agentOf())).rejects.toBeInstanceOf(ProxyError);
      await expect.poll(() => proxy.connections()).toBe(0);
    },
  );

  test('an unreachable proxy is a ProxyError that names it', async () => {
    const agent = await agentOf({}, 'http://user:hunter2@127.0.0.1:1');
    await expect(get(agent)).rejects.toThrow(new ProxyError('the proxy 127.0.0.1:1 cannot be reached (ECONNREFUSED)'));
  });

  test('destroying the agent ends its connections, also those that are being made', async () => {
    const agent = await agentOf();
    await get(agent);
    proxy.answer = 'hang';
    const asking = get(agent, 'other.test').catch((error: unknown) => error);
    await expect.poll(() => proxy.asked.length).toBe(2);
    agent.destroy();
    expect(await asking).toBeInstanceOf(ProxyError);
    await expect.poll(() => proxy.connections()).toBe(0);
  });

  test('the certificates of the host and of a proxy over TLS are verified', async () => {
    const asking = (agent: Agent) =>
      new Promise((resolve, reject) => request(`https://${HOST}/`, { agent }, resolve).on('error', reject).end());
    await expect(asking(await agentOf())).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const secure = await startConnectProxy({ hosts: {}, tls: true });
    try {
      await expect(asking(await agentOf({}, secure.url))).rejects.toThrow(/cannot be reached \(\w*SELF_SIGNED/);
      expect(secure.asked).toEqual([]);
    } finally {
      await secure.close();
    }
  });
});
