import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A server that speaks the protocol of Redis. */
export interface RedisPeer {
  name: string;
  port: number;
  /** Stops the server: connections break, and new ones are refused. */
  stop(): Promise<void>;
  /** Starts the server again on the same port, empty. */
  start(): Promise<void>;
}

/**
 * Replaces Redis where it is not installed: it knows the few commands that the server sends, over RESP2, with expiry
 * and AUTH. The same tests use a real Redis when `redis-server` is on the PATH.
 *
 * @param port a port that stays free while it is stopped; 0 takes any, for a peer that never stops
 */
export function redisStandIn(password: string, port = 0): RedisPeer {
  const entries = new Map<string, { value: string; expiresAt: number }>();
  const sockets = new Set<Socket>();
  let server = createServer();
  const live = (key: string): string | undefined => {
    const entry = entries.get(key);
    return entry !== undefined && entry.expiresAt > Date.now() ? entry.value : undefined;
  };
  const bulk = (value: string | undefined): string =>
    value === undefined ? '$-1\r\n' : `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
  const commands: Record<string, (args: string[]) => string> = {
    PING: () => '+PONG\r\n',
    CLIENT: () => '+OK\r\n',
    SELECT: () => '+OK\r\n',
    GET: ([key]) => bulk(live(key!)),
    DEL: ([key]) => {
      const there = live(key!) !== undefined;
      entries.delete(key!);
      return `:${there ? 1 : 0}\r\n`;
    },
    SET: ([key, value, ...options]) => {
      const flags = options.map((option) => option.toUpperCase());
      if (flags.includes('NX') && live(key!) !== undefined) return '$-1\r\n';
      if (flags.includes('XX') && live(key!) === undefined) return '$-1\r\n';
      const seconds = Number(options[flags.indexOf('EX') + 1]);
      entries.set(key!, { value: value!, expiresAt: Date.now() + seconds * 1000 });
      return '+OK\r\n';
    },
  };

  const serve = (socket: Socket): void => {
    sockets.add(socket);
    let pending = Buffer.alloc(0);
    let known = false;
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (let parsed = parse(pending); parsed !== undefined; parsed = parse(pending)) {
        pending = pending.subarray(parsed.length);
        const [name = '', ...args] = parsed.words;
        const command = name.toUpperCase();
        if (command === 'AUTH') {
          known = args.at(-1) === password;
          socket.write(known ? '+OK\r\n' : '-WRONGPASS invalid password\r\n');
        } else if (command === 'HELLO') socket.write('-NOPROTO unsupported protocol version\r\n');
        else if (!known) socket.write('-NOAUTH Authentication required.\r\n');
        else socket.write(commands[command]?.(args) ?? `-ERR unknown command '${name}'\r\n`);
      }
    });
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };

  const peer: RedisPeer = {
    name: 'a stand-in for Redis',
    port,
    start: async () => {
      entries.clear();
      server = createServer(serve);
      await once(server.listen(peer.port, '127.0.0.1'), 'listening');
      peer.port = (server.address() as AddressInfo).port;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return peer;
}

/** Returns the words of the first complete command in `buffer`, and its length in bytes. */
function parse(buffer: Buffer): { words: string[]; length: number } | undefined {
  let at = 0;
  const line = (): string | undefined => {
    const end = buffer.indexOf('\r\n', at);
    if (end === -1) return undefined;
    const text = buffer.toString('utf8', at, end);
    at = end + 2;
    return text;
  };
  const count = line();
  if (count === undefined) return undefined;
  const words: string[] = [];
  for (let i = 0; i < Number(count.slice(1)); i++) {
    const size = line();
    if (size === undefined || buffer.length < at + Number(size.slice(1)) + 2) return undefined;
    words.push(buffer.toString('utf8', at, at + Number(size.slice(1))));
    at += Number(size.slice(1)) + 2;
  }
  return { words, length: at };
}

const PROGRAM = 'redis-server';

/** The real Redis, or undefined if it is not installed. */
export function realRedis(password: string, port: number): RedisPeer | undefined {
  if (spawnSync(PROGRAM, ['--version']).status !== 0) return undefined;
  let process: ReturnType<typeof spawn> | undefined;
  return {
    name: 'redis-server',
    port,
    start: async () => {
      const args = [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--requirepass',
        password,
        '--save',
        '',
        '--appendonly',
        'no',
      ];
      process = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      let told = '';
      await new Promise<void>((resolve, reject) => {
        process!.stdout!.on('data', (chunk: Buffer) => {
          told += chunk.toString();
          if (told.includes('Ready to accept connections')) resolve();
        });
        process!.on('close', () => reject(new Error(`${PROGRAM} ended:\n${told}`)));
      });
    },
    stop: async () => {
      const ended = new Promise((resolve) => process!.on('exit', resolve));
      process!.kill('SIGKILL');
      await ended;
    },
  };
}
