import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../harness/free-port.js';

const START_TIMEOUT_MS = 30_000;
const PORT_ATTEMPTS = 3;

/** A server with the protocol of DynamoDB for one test file: in memory, on a free port of loopback. */
export interface DynamoDbServer {
  endpoint: string;
  stop(): Promise<void>;
}

/** Any credentials do: the server does not check signatures. */
export const TEST_CREDENTIALS = { accessKeyId: 'AKIATEST', secretAccessKey: 'test' };

/**
 * Starts the server and resolves when it answers; every call starts another one. CONFIDANT_TEST_DYNAMODB_URL names a
 * running server to use instead, for example Amazon's DynamoDB Local: tests therefore make tables of their own.
 */
export async function startDynamoDb(): Promise<DynamoDbServer> {
  const running = process.env['CONFIDANT_TEST_DYNAMODB_URL'];
  if (running) return { endpoint: running, stop: () => Promise.resolve() };
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      // Another program may have taken the port in between.
      if (attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function start(port: number): Promise<DynamoDbServer> {
  const child = spawn(binary(), ['serve', '--host', '127.0.0.1', '--port', String(port)], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  // A failure is reported below.
  ended.catch(() => undefined);
  const kill = (): void => void child.kill('SIGKILL');
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null && child.pid !== undefined;
  process.once('exit', kill);
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    process.removeListener('exit', kill);
    if (!isRunning()) return;
    kill();
    await ended;
  };
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline && isRunning(); await sleep(20)) {
    const answers = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (answers && isRunning()) return { endpoint, stop };
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
