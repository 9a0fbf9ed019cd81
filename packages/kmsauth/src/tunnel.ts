import { type ClientRequest, type ClientRequestArgs, request } from 'node:http';
import { Agent } from 'node:https';
import { connect, isIP, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { credentialsOf, type Environment, placeOf, portOf, proxyFor } from './proxy-address.js';
import { ProxyError } from './proxy-error.js';

export interface TunnelOptions {
  /** Time limit from connecting to the proxy until the TLS connection to the host is ready. */
  connectTimeoutMs: number;
  /** How long a connection may be silent before its agent closes it, or its request gets a `timeout` event. */
  idleTimeoutMs?: number;
  /** Maximum number of connections to one host. */
  maxSockets: number;
  /** Whether connections are reused. Default true. */
  keepAlive?: boolean;
}

/**
 * An https agent that connects through the proxy which the environment names for the host, or directly where it names
 * none. Requests fail with {@link ProxyError} when no TLS connection through the proxy is ready within
 * `connectTimeoutMs`. Connections count among `maxSockets` from the moment they are begun.
 *
 * The usual library waits forever for a proxy that does not answer, and passes a proxy's refusal off as the host's
 * response.
 */
export class TunnelAgent extends Agent {
  readonly #connectTimeoutMs: number;
  readonly #environment: Environment;
  readonly #tunnels = new WeakMap<Duplex, Tunnel>();
  readonly #connecting = new Set<Socket>();

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

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const host = options.host ?? 'localhost';
    const port = Number(options.port ?? 443);
    let proxy: URL | undefined;
    try {
      proxy = proxyFor(host, port, this.#environment);
    } catch (error) {
      callback?.(error as Error, undefined as never);
      return undefined;
    }
    if (proxy === undefined) return super.createConnection(options, callback);
    return this.#connectThrough(proxy, `${isIP(host) === 6 ? `[${host}]` : host}:${port}`, options);
  }

  #connectThrough(proxy: URL, target: string, { timeout, ...options }: ClientRequestArgs): Duplex {
    const tunnel = new Tunnel(proxy, target);
    // Given a stream, Node sets up TLS over it.
    const socket = super.createConnection({ ...options, socket: tunnel } as ClientRequestArgs) as Socket;
    const timer = setTimeout(() => {
      const message = `the proxy ${placeOf(proxy)} made no connection to ${target} within ${this.#connectTimeoutMs} ms`;
      socket.destroy(new ProxyError(message, 'ETIMEDOUT'));
    }, this.#connectTimeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      this.#connecting.delete(socket);
    };
    this.#tunnels.set(socket, tunnel);
    this.#connecting.add(socket);
    tunnel.on('error', (error) => socket.destroy(error));
    socket.once('close', settle).once('secureConnect', () => {
      settle();
      tunnel.isReady = true;
      if (timeout !== undefined) socket.setTimeout(timeout);
    });
    return socket;
  }

  /** An idle connection must not keep the process alive: Node unrefs only the TLS stream, not what is below it. */
  override keepSocketAlive(socket: Duplex): boolean {
    this.#tunnels.get(socket)?.unref();
    // Node's types declare no result, but Node expects it.
    return super.keepSocketAlive(socket) as unknown as boolean;
  }

  override reuseSocket(socket: Duplex, outgoing: ClientRequest): void {
    this.#tunnels.get(socket)?.ref();
    super.reuseSocket(socket, outgoing);
  }

  override destroy(): void {
    for (const socket of this.#connecting)
      socket.destroy(new ProxyError('the agent was closed while it connected', 'ECONNRESET'));
    super.destroy();
  }
}

/**
 * The bytes to and from a host behind a proxy. It can be written to at once; nothing is sent before the proxy has made
 * the connection. Emits {@link ProxyError} when the proxy cannot be reached or refuses.
 */
class Tunnel extends Duplex {
  /** Whether TLS with the host is ready: from then on, the end of the connection is not the proxy's fault. */
  isReady = false;
  readonly #socket: Socket;
  #isOpen = false;
  /** Performs the pending write; called once the proxy has made the connection. */
  #write: (() => void) | undefined;

  constructor(proxy: URL, target: string) {
    super({ allowHalfOpen: false });
    const where = `the proxy ${placeOf(proxy)}`;
    this.#socket = connectTo(proxy);
    const fail = ({ code, message }: NodeJS.ErrnoException): void => {
      this.destroy(new ProxyError(`${where} cannot be reached (${code ?? message})`, code));
    };
    const end = (): void => {
      if (this.isReady) this.push(null);
      else this.destroy(new ProxyError(`${where} closed the connection to ${target}`, 'ECONNRESET'));
    };
    this.#socket.on('error', (error) => (this.isReady ? this.destroy(error) : fail(error)));
    this.#socket.on('end', end).on('close', end);
    const connectRequest = request({
      method: 'CONNECT',
      path: target,
      headers: { host: target, connection: 'keep-alive', 'proxy-connection': 'keep-alive', ...authorization(proxy) },
      createConnection: () => this.#socket,
    });
    connectRequest.on('error', fail).on('connect', ({ statusCode = 0 }, _socket, head) => {
      if (statusCode >= 200 && statusCode <= 299) this.#open(head);
      else this.destroy(new ProxyError(`${where} makes no connection to ${target}: it answered ${statusCode}`));
    });
    connectRequest.end();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  #open(head: Buffer): void {
    if (this.destroyed) return;
    this.#isOpen = true;
    if (head.length > 0) this.push(head);
    this.#socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) this.#socket.pause();
    });
    this.#write?.();
  }

  override _read(): void {
    if (this.#isOpen) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#write = () => this.#socket.write(chunk, callback);
    if (this.#isOpen) this.#write();
  }

  override _final(callback: () => void): void {
    this.#socket.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }
}

function connectTo(proxy: URL): Socket {
  const host = proxy.hostname.replace(/^\[|\]$/g, '');
  const port = portOf(proxy);
  if (proxy.protocol === 'http:') return connect({ host, port });
  const named = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, ...named, ALPNProtocols: ['http/1.1'], rejectUnauthorized: true });
}

function authorization(proxy: URL): Record<string, string> {
  const { username, password } = credentialsOf(proxy);
  if (username === '' && password === '') return {};
  const text = `${username}:${password}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(text).toString('base64')}` };
}
