import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { metricName } from '../../domain/metric-name.js';
import type { Metrics } from '../../ports/telemetry.js';

export interface StatsdOptions {
  host: string;
  port: number;
  /** Told when the host's name can not be resolved, once until it can again. */
  onProblem: (problem: string) => void;
  flushMs?: number;
}

export interface Statsd extends Metrics {
  /** Sends what is left. */
  close(): Promise<void>;
}

const PREFIX = 'confidant.';
/** What fits into one packet of an ordinary network. */
const MAX_DATAGRAM = 1432;
/** Datagrams kept while the host's name is being resolved. */
const MAX_WAITING = 64;
/** Names remembered in their safe form; further ones are sent as one name. */
const MAX_NAMES = 10_000;
/** Datagrams the kernel may hold back before further ones are dropped. */
const MAX_UNDERWAY = 512;
const CLOSE_WITHIN_MS = 500;
const RESOLVE_EVERY_MS = 60_000;

/**
 * Counters as `confidant.name:n|c` and timers as `confidant.name:ms|ms` with six decimals, over UDP. Several go into
 * one datagram, one to a line, so that a request costs no system call. Nobody listening, a host without an address or
 * a full network lose metrics and disturb nothing.
 *
 * Ours rather than a client library: they format on the caller's time as this does, ask DNS for each send or only
 * once, and the usual one brings a native module for sockets that are not used here.
 */
export function openStatsd({ host, port, onProblem, flushMs = 200 }: StatsdOptions): Statsd {
  const names = new Map<string, string>();
  let lines = '';
  let waiting: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let target: { address: string; socket: Socket; family: number } | undefined;
  let resolving: Promise<void> | undefined;
  let resolvedAt = -Infinity;
  let closed = false;
  let failing = false;
  let underway = 0;
  let allSent: (() => void) | undefined;

  const add = (name: string, suffix: string): void => {
    if (closed) return;
    const line = `${safeName(names, name)}:${suffix}`;
    if (lines !== '' && lines.length + 1 + line.length > MAX_DATAGRAM) flush();
    lines = lines === '' ? line : `${lines}\n${line}`;
    timer ??= setTimeout(flush, flushMs).unref();
  };

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (lines !== '' && waiting.length < MAX_WAITING) waiting.push(lines);
    lines = '';
    if (performance.now() - resolvedAt > RESOLVE_EVERY_MS) resolving ??= resolve();
    if (target !== undefined) sendWaiting(target);
    // The name has just failed to resolve: the next try is a while away.
    else if (resolving === undefined) waiting = [];
  };

  const sendWaiting = ({ socket, address }: { socket: Socket; address: string }): void => {
    for (const datagram of waiting) {
      if (underway >= MAX_UNDERWAY) break;
      underway += 1;
      socket.send(datagram, port, address, () => {
        underway -= 1;
        if (underway === 0) allSent?.();
      });
    }
    waiting = [];
  };

  const resolve = (): Promise<void> =>
    new Promise((done) => {
      lookup(host, (error, address, family) => {
        resolvedAt = performance.now();
        resolving = undefined;
        if (error) {
          if (!failing) onProblem(`statsd host: ${error.code ?? 'no address'}`);
          failing = true;
          // A known address stays in use.
          if (target === undefined) waiting = [];
        } else {
          failing = false;
          if (target?.family !== family) {
            target?.socket.close();
            target = { address, family, socket: openSocket(family) };
          }
          target.address = address;
          sendWaiting(target);
        }
        done();
      });
    });

  return {
    count: (name, by = 1) => {
      if (Number.isFinite(by)) add(name, `${by}|c`);
    },
    timing: (name, milliseconds) => {
      if (Number.isFinite(milliseconds)) add(name, `${milliseconds.toFixed(6)}|ms`);
    },
    close: async () => {
      if (closed) return;
      flush();
      closed = true;
      await Promise.race([
        Promise.resolve(resolving).then(async () => {
          if (underway > 0) await new Promise<void>((done) => (allSent = done));
        }),
        new Promise<void>((done) => setTimeout(done, CLOSE_WITHIN_MS).unref()),
      ]);
      target?.socket.close();
    },
  };
}

function safeName(names: Map<string, string>, name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  if (names.size >= MAX_NAMES) return `${PREFIX}other_names`;
  const safe = PREFIX + metricName(name);
  names.set(name, safe);
  return safe;
}

function openSocket(family: number): Socket {
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  socket.on('error', () => undefined);
  socket.unref();
  return socket;
}
