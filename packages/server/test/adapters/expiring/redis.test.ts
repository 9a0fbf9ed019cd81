import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRedis } from '../../../src/adapters/expiring/redis.js';
import { issueLoginLink } from '../../../src/embedded/login-link.js';
import type { ExpiringStore } from '../../../src/ports/expiring.js';
import { BackendUnavailable } from '../../../src/ports/unavailable.js';
import { freePort } from '../../harness/free-port.js';
import { startServer, type TestServer } from '../../harness/server.js';
import { realRedis, type RedisPeer, redisStandIn } from './redis-server.js';
import { Visitor } from '../../login/visitor.js';
import { startRelay } from './relay.js';

const PASSWORD = 'redis-password';
const real = realRedis(PASSWORD, await freePort());
const PEERS: RedisPeer[] = [redisStandIn(PASSWORD, await freePort()), ...(real ? [real] : [])];

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not happen');
}

for (const peer of PEERS) {
  describe(`sessions in ${peer.name}`, () => {
    let confidant: TestServer;
    let store: ExpiringStore;
    beforeAll(async () => {
      await peer.start();
      const url = `redis://:${PASSWORD}@127.0.0.1:${peer.port}/0`;
      confidant = await startServer({ REDIS_URL: url, REDIS_SOCKET_TIMEOUT: '20', SESSION_KEY_PREFIX: 'app:' });
      store = openRedis({ url, prefix: 'app:', timeoutMs: 20_000, onFault: () => undefined });
      await until(() =>
        store.get('x').then(
          () => true,
          () => false,
        ),
      );
    });
    afterAll(async () => {
      await store.close();
      await confidant.stop();
      await peer.stop();
    });

    async function login(): Promise<Visitor> {
      const visitor = new Visitor(confidant.url);
      const done = await visitor.go('/v1/login', {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: confidant.url },
        body: JSON.stringify({ secret: issueLoginLink(confidant.dataDir) }),
      });
      expect(done.status).toBe(200);
      return visitor;
    }
    const status = async (visitor: Visitor): Promise<number> => (await visitor.go('/v1/user/email')).status;

    test('the cookie holds only an id, and a logout ends the session for every copy of it', async () => {
      const visitor = await login();
      expect(visitor.jar().get('confidant_session')!.length).toBeLessThan(100);
      expect(await status(visitor)).toBe(200);
      const copy = new Visitor(confidant.url);
      for (const [name, value] of visitor.jar()) copy.jar().set(name, value);
      await visitor.post('/v1/logout', { xsrf: visitor.jar().get('XSRF-TOKEN')! });
      expect(await status(copy)).toBe(401);
    });

    test('exactly one of many concurrent additions of a key wins, a deleted entry is not replaced, and entries expire', async () => {
      const outcomes = await Promise.all(Array.from({ length: 10 }, (_, i) => store.add('race', String(i), 100)));
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      expect(await store.replace('race', 'next', 100)).toBe(true);
      await store.delete('race');
      expect(await store.replace('race', 'late', 100)).toBe(false);
      expect(await store.get('race')).toBeUndefined();
      await store.set('short', 'lived', 1);
      await until(async () => (await store.get('short')) === undefined);
    });

    test('while Redis is away sessions get 503, never 401, tokens still work, and afterwards logins work again', async () => {
      const visitor = await login();
      await peer.stop();
      const away = await visitor.go('/v1/user/email');
      expect([away.status, away.headers.get('x-confidant-error')]).toEqual([503, 'unavailable']);
      expect(visitor.jar().has('confidant_session')).toBe(true);
      expect((await new Visitor(confidant.url).go('/healthcheck/ready')).status).toBe(200);
      await peer.start();
      await until(async () => (await status(visitor)) !== 503);
      expect(await status(await login())).toBe(200);
    });

    test('a connection that has become silent is replaced', async () => {
      const relay = await startRelay(peer.port);
      const faults: Error[] = [];
      const url = `redis://:${PASSWORD}@127.0.0.1:${relay.port}/0`;
      const behind = openRedis({ url, prefix: 'relay:', timeoutMs: 2000, onFault: (error) => faults.push(error) });
      const works = (): Promise<boolean> =>
        behind.set('key', 'value', 100).then(
          () => true,
          () => false,
        );
      await until(works);
      for (let time = 1; time <= 2; time += 1) {
        relay.silence();
        const outcomes = await Promise.allSettled([behind.get('key'), behind.set('key', 'value', 100)]);
        for (const outcome of outcomes) {
          expect(outcome.status === 'rejected' && outcome.reason).toBeInstanceOf(BackendUnavailable);
        }
        expect(faults).toHaveLength(time);
        await until(works);
        expect(await behind.get('key')).toBe('value');
      }
      await behind.close();
      await relay.close();
    });

    test('a store whose Redis accepts commands but never answers is unavailable', async () => {
      const silent = await import('node:net').then(({ createServer }) => createServer(() => undefined));
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const { port } = silent.address() as { port: number };
      const hung = openRedis({
        url: `redis://127.0.0.1:${port}`,
        prefix: '',
        timeoutMs: 100,
        onFault: () => undefined,
      });
      await expect(hung.get('x')).rejects.toBeInstanceOf(BackendUnavailable);
      await hung.close();
      silent.close();
    });
  });
}
