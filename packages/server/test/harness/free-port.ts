import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that Linux assigns to connections and for port 0, so that no program gets one by accident. */
const [FIRST, END] = [20_000, 32_000];
/** Each worker of vitest has ports of its own: another could take one between its choice and its use. */
const SHARES = 4;
const SHARE = (END - FIRST) / SHARES;
const OWN_FIRST = FIRST + ((Number(process.env['VITEST_POOL_ID'] ?? 1) - 1) % SHARES) * SHARE;

const used = new Set<number>();

/** Returns a free loopback port: for a server whose address must be known before it starts, or for no server at all. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = randomInt(OWN_FIRST, OWN_FIRST + SHARE);
    if (used.has(port)) continue;
    const server = createServer();
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening');
    } catch (error) {
      if (attempt >= 100) throw error;
      continue;
    }
    server.close();
    await once(server, 'close');
    used.add(port);
    return port;
  }
}
