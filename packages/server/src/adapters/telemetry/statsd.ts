import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { metricName } from '../../domain/metric-name.js';
import type { Metrics } from '../../ports/telemetry.js';

export interface StatsdOptions {
  host: string;
  port: number;
  /** Called when the host's name cannot be resolved, once until it can be again. */
  onProblem: (problem: string) => void;
  flushMs?: number;
}

export interface Statsd extends Metrics {
  /** Sends the metrics that still wait, and closes the socket. */
  close(): Promise<void>;
}

const PREFIX = 'confidant.';
/** The length that fits into one packet of an ordinary network. */
const MAX_DATAGRAM = 1432;
/** Maximum number of datagrams kept while the host's name is being resolved. */
const MAX_WAITING = 64;
/** Maximum number of names cached in their safe form; all further names are sent as one. */
const MAX_NAMES = 10_000;
/** Maximum number of datagrams in the kernel's queue; further ones are dropped. */
const MAX_IN_FLIGHT = 512;
const CLOSE_WITHIN_MS = 500;
const RESOLVE_EVERY_MS = 60_000;

/**
 * Sends counters as `confidant.name:n|c` and timers as `confidant.name:ms|ms` with six decimals, over UDP. Several
 * share a datagram, one to a line, so that a request costs no system call. If nothing listens, the host has no address
 * or the network is full, metrics are lost and nothing else happens.
 *
 * This is not a client library because those ask DNS for each send or only once, and the usual one brings a native
 * module for sockets that are not used here.
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
  let inFlight = 0;
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
    // The name has just failed to resolve, and the next attempt is not due.
    else if (resolving === undefined) waiting = [];
  };

  const sendWaiting = ({ socket, address }: { socket: Socket; address: string }): void => {
    for (const datagram of waiting) {
      if (inFlight >= MAX_IN_FLIGHT) break;
      inFlight += 1;
      socket.send(datagram, port, address, () => {
        inFlight -= 1;
        if (inFlight === 0) allSent?.();
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
          // A known address stays in use when resolving fails.
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
          if (inFlight > 0) await new Promise<void>((done) => (allSent = done));
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
