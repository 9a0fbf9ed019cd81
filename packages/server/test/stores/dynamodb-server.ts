import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 15_000;
const PORT_ATTEMPTS = 3;

/** A DynamoDB-protocol server of its own for a test file: in memory, on a free port of loopback. */
export interface DynamoDbServer {
  endpoint: string;
  stop(): Promise<void>;
}

/** Any credentials do: the server does not check signatures. */
export const TEST_CREDENTIALS = { accessKeyId: 'AKIATEST', secretAccessKey: 'test' };

/** Starts the server and resolves when it answers. Every call starts another one. */
export async function startDynamoDb(): Promise<DynamoDbServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      // Somebody else may have taken the port in between.
      if (attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function start(port: number): Promise<DynamoDbServer> {
  const child = spawn(binary(), ['serve', '--host', '127.0.0.1', '--port', String(port)], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  let running = true;
  const forget = (): boolean => (running = false);
  ended.then(forget, forget);
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    process.removeListener('exit', kill);
    kill();
    if (running) await ended;
  };
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline && running; await sleep(20)) {
    const answers = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (answers && running) return { endpoint, stop };
  }
  await stop();
  throw new Error('the DynamoDB server of the tests did not start');
}

function binary(): string {
  const name = `@dynoxide/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'dynoxide');
  } catch (error) {
    throw new Error(`the tests need ${name}: npm install --no-save ${name}`, { cause: error });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
