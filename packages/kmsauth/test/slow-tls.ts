import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

/** A TLS server that accepts connections at once but starts the handshake late. */
export interface SlowTls {
  url: string;
  close(): Promise<void>;
}

/** Starts the server in front of `behind`, an http server on loopback. */
export async function startSlowTls(options: { handshakeMs: number; behind: Server }): Promise<SlowTls> {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-slow-tls-'));
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=tests'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', 'key.pem', '-out', 'cert.pem'], {
    cwd: folder,
    stdio: 'ignore',
  });
  const pair = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) };
  rmSync(folder, { recursive: true });

  const open = new Set<Socket>();
  const joinTo = (socket: Socket, server: Server): void => {
    const onward = connect((server.address() as AddressInfo).port, '127.0.0.1');
    for (const each of [socket, onward]) {
      open.add(each);
      each.on('error', () => each.destroy()).on('close', () => open.delete(each));
    }
    socket.pipe(onward).pipe(socket);
  };
  const tls = createTlsServer(pair, (socket) => joinTo(socket, options.behind));
  const front = createServer((socket) => {
    open.add(socket.on('error', () => socket.destroy()));
    setTimeout(() => {
      if (!socket.destroyed) joinTo(socket, tls);
    }, options.handshakeMs);
  });
  await Promise.all([tls, front].map((each) => once(each.listen(0, '127.0.0.1'), 'listening')));
  return {
    url: `https://127.0.0.1:${(front.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of open) socket.destroy();
      await Promise.all([tls, front].map((each) => new Promise((resolve) => each.close(resolve))));
    },
  };
}
