import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what Linux gives to connections and to who listens on port 0: nobody gets one of these by accident. */
const [FIRST, BEHIND] = [20_000, 32_000];

/** A port of loopback for a server whose address must be known before it starts. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = randomInt(FIRST, BEHIND);
    const server = createServer();
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening');
    } catch (error) {
      if (attempt === 100) throw error;
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
