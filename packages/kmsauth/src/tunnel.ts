import { type ClientRequest, type ClientRequestArgs, request } from 'node:http';
import { Agent } from 'node:https';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { type Environment, placeOf, portOf, proxyFor } from './proxy-address.js';
import { ProxyError } from './proxy-error.js';

export interface TunnelOptions {
  /** From asking the proxy to a TLS connection that is ready. */
  connectTimeoutMs: number;
  /** How long a connection may be silent before its agent closes it, or a request on it is told. */
  idleTimeoutMs?: number;
  /** To one host. */
  maxSockets: number;
  /** Default true: connections are used again. */
  keepAlive?: boolean;
}

type Created = (error: Error | null, socket: Duplex) => void;

/**
 * https through the proxy of the environment where it names one for the host. A connection is handed over when TLS with
 * the host is set up, or fails within `connectTimeoutMs`; an open tunnel counts among `maxSockets` from its beginning.
 * Made of Node's own parts: the usual library keeps a connection whose proxy says nothing for ever, and hands what a
 * proxy says to the request as its answer.
 */
export class TunnelAgent extends Agent {
  readonly #connectTimeoutMs: number;
  readonly #environment: Environment;

  constructor(options: TunnelOptions, environment: Environment) {
    const { connectTimeoutMs, idleTimeoutMs, maxSockets, keepAlive = true } = options;
    super({
      keepAlive,
      maxSockets,
      maxFreeSockets: maxSockets,
      ...(idleTimeoutMs !== undefined && { timeout: idleTimeoutMs }),
    });
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#environment = environment;
  }

  override createConnection(options: ClientRequestArgs, created?: Created): Duplex | null | undefined {
    const host = options.host ?? 'localhost';
    const port = Number(options.port ?? 443);
    let proxy: URL | undefined;
    try {
      proxy = proxyFor(host, port, this.#environment);
    } catch (error) {
      created?.(error as Error, undefined as never);
      return undefined;
    }
    if (proxy === undefined) return super.createConnection(options, created);
    this.#tunnel(proxy, `${isIP(host) === 6 ? `[${host}]` : host}:${port}`, options, created);
    return undefined;
  }

  #tunnel(proxy: URL, target: string, options: ClientRequestArgs, created?: Created): void {
    const name = this.getName(options);
    const socket = connectTo(proxy);
    const where = `the proxy ${placeOf(proxy)}`;
    // As one of its own sockets: counted, and closed with the others.
    const sockets = this.sockets as Record<string, Socket[]>;
    (sockets[name] ??= []).push(socket);
    let settled = false;

    const settle = (error: Error | null, secure?: Duplex): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      sockets[name] = (sockets[name] ?? []).filter((each) => each !== socket);
      if (sockets[name].length === 0) delete sockets[name];
      created?.(error, secure as Duplex);
      if (error === null) return;
      secure?.destroy();
      socket.destroy();
      if (sockets[name] === undefined) this.#failWaiting(name, error);
    };
    const broken = ({ code, message }: NodeJS.ErrnoException): void =>
      settle(new ProxyError(`${where} can not be reached (${code ?? message})`, code));
    const timer = setTimeout(() => {
      const message = `${where} made no connection to ${target} within ${this.#connectTimeoutMs} ms`;
      settle(new ProxyError(message, 'ETIMEDOUT'));
    }, this.#connectTimeoutMs);
    // To the end: nobody else listens to this end of the tunnel.
    socket.on('error', broken);
    socket.on('close', () => settle(new ProxyError(`${where} closed the connection to ${target}`, 'ECONNRESET')));

    const asking = request({
      method: 'CONNECT',
      path: target,
      headers: { host: target, connection: 'keep-alive', 'proxy-connection': 'keep-alive', ...authorization(proxy) },
      createConnection: () => socket,
    });
    asking.on('error', broken);
    asking.on('connect', ({ statusCode = 0 }) => {
      if (settled) return;
      if (statusCode < 200 || statusCode > 299) {
        settle(new ProxyError(`${where} makes no connection to ${target}: it answered ${statusCode}`));
        return;
      }
      // Given a socket, Node's own way to connect sets up TLS over it.
      const secure = super.createConnection({ ...options, socket } as ClientRequestArgs) as Socket;
      if (options.timeout !== undefined) secure.setTimeout(options.timeout);
      secure.once('secureConnect', () => settle(null, secure));
      secure.once('error', (error) => settle(error, secure));
    });
    asking.end();
  }

  /** Those who wait for a connection to be free would wait for ever: there is none left. */
  #failWaiting(name: string, error: Error): void {
    const queues = this.requests as Record<string, ClientRequest[]>;
    const waiting = queues[name] ?? [];
    delete queues[name];
    for (const each of waiting) {
      each.destroy();
      each.emit('error', error);
    }
  }
}

function connectTo(proxy: URL): Socket {
  const host = proxy.hostname.replace(/^\[|\]$/g, '');
  const port = portOf(proxy);
  if (proxy.protocol === 'http:') return connect({ host, port });
  const named = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, ...named, ALPNProtocols: ['http/1.1'], rejectUnauthorized: true });
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(text).toString('base64')}` };
}
