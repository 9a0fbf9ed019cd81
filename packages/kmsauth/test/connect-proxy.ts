import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';

/**
 * A CONNECT proxy on loopback, and hosts behind it that speak TLS under their real names and can be reached only
 * through the proxy.
 */
export interface ConnectProxy {
  /** The address with a user name and a password. */
  url: string;
  /** The address as errors name it, like `127.0.0.1:8080`. */
  where: string;
  /** The CA of the hosts and, if it speaks TLS, of the proxy. */
  caFile: string;
  /** The targets of its CONNECT requests in order, like `kms.us-east-1.amazonaws.com:443`. */
  asked: string[];
  /** The Proxy-Authorization header of the last request. */
  authorization: string | undefined;
  /** Its answer: a status (200 connects), nothing, endless headers, or a hang-up. */
  answer: number | 'hang' | 'endless' | 'close';
  /** The connections of its clients. */
  connections(): Promise<number>;
  /** Closes every connection. */
  hangUp(): void;
  close(): Promise<void>;
}

export interface ConnectProxyOptions {
  /** For each host, the http server on loopback behind its TLS. */
  hosts: Record<string, string>;
  /** Whether the connection to the proxy uses TLS too. */
  tls?: boolean;
}

export const PROXY_PASSWORD = 'hunter2 of the proxy';

export async function startConnectProxy({ hosts, tls = false }: ConnectProxyOptions): Promise<ConnectProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-proxy-'));
  const names = ['localhost', ...Object.keys(hosts)].map((host) => `DNS:${host}`).join(',');
  const subject = ['-subj', '/CN=tests', '-addext', `subjectAltName=${names},IP:127.0.0.1`, '-days', '2'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', 'key.pem', '-out', 'cert.pem'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, ...files], { cwd: folder, stdio: 'ignore' });
  const caFile = join(folder, 'cert.pem');
  const pair = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(caFile) };

  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => open.delete(socket));
  };
  const joinSockets = (one: Socket, other: Socket): void => {
    one.pipe(other).pipe(one);
    one.on('close', () => other.destroy());
    other.on('close', () => one.destroy());
  };
  const front = createTlsServer(pair, (socket: TLSSocket) => {
    keep(socket);
    const behind = hosts[String(socket.servername)];
    if (behind === undefined) {
      socket.destroy();
      return;
    }
    const onward = connect(Number(new URL(behind).port), '127.0.0.1');
    keep(onward);
    joinSockets(socket, onward);
  });
  const server = tls ? createHttpsServer(pair) : createHttpServer();
  await Promise.all([front, server].map((each: Server) => once(each.listen(0, '127.0.0.1'), 'listening')));
  const portOf = (each: Server): number => (each.address() as AddressInfo).port;

  const proxy: ConnectProxy = {
    url: `${tls ? 'https' : 'http'}://user:${encodeURIComponent(PROXY_PASSWORD)}@127.0.0.1:${portOf(server)}`,
    where: `127.0.0.1:${portOf(server)}`,
    caFile,
    asked: [],
    authorization: undefined,
    answer: 200,
    connections: () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count))),
    hangUp: () => {
      for (const socket of open) socket.destroy();
    },
    close: async () => {
      proxy.hangUp();
      await Promise.all([front, server].map((each: Server) => new Promise((resolve) => each.close(resolve))));
      rmSync(folder, { recursive: true });
    },
  };
  server.on('connection', keep);
  server.on('connect', (request, socket: Socket) => {
    keep(socket);
    proxy.asked.push(request.url!);
    proxy.authorization = request.headers['proxy-authorization'];
    // Detects that the other side has gone.
    if (proxy.answer !== 200) socket.on('end', () => socket.destroy()).resume();
    if (proxy.answer === 'hang') return;
    if (proxy.answer === 'close') {
      socket.destroy();
      return;
    }
    if (proxy.answer === 'endless') {
      const more = (): void => {
        while (!socket.destroyed && socket.write(`x: ${'x'.repeat(1000)}\r\n`));
      };
      socket.on('drain', more).write('HTTP/1.1 200 OK\r\n');
      more();
      return;
    }
    if (proxy.answer !== 200) {
      const page = '{"__type":"AccessDeniedException","error":"of the proxy"}';
      socket.end(`HTTP/1.1 ${proxy.answer} No\r\ncontent-length: ${page.length}\r\n\r\n${page}`);
      return;
    }
    const onward = connect(portOf(front), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      joinSockets(socket, onward);
    });
    keep(onward);
  });
  return proxy;
}
