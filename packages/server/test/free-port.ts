import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what Linux gives to connections and to who listens on port 0: nobody gets one of these by accident. */
const [FIRST, BEHIND] = [20_000, 32_000];
/** Each of vitest's workers has ports of its own, so that none takes what another has found and not yet used. */
const SHARES = 4;
const SHARE = (BEHIND - FIRST) / SHARES;
const OWN_FIRST = FIRST + ((Number(process.env['VITEST_POOL_ID'] ?? 1) - 1) % SHARES) * SHARE;

const given = new Set<number>();

/** A port of loopback for a server whose address must be known before it starts, or for one that is never there. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = randomInt(OWN_FIRST, OWN_FIRST + SHARE);
    if (given.has(port)) continue;
    const server = createServer();
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening');
    } catch (error) {
      if (attempt >= 100) throw error;
      continue;
    }
    server.close();
    await once(server, 'close');
    given.add(port);
    return port;
  }
}
