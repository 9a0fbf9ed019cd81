import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { guardConnections } from '../../net/guard-connections.js';

/** One page serves everybody who asks within this time. */
const PAGE_AGE_MS = 1000;
const MAX_CONNECTIONS = 64;

export interface MetricsServer {
  url: string;
  close(): Promise<void>;
}

/**
 * Serves `GET /metrics` in Prometheus' text format, on an address apart from the API. There is no authentication: by
 * default it listens on loopback, and the metrics name no principal and no resource.
 */
export async function startMetricsServer(options: {
  host: string;
  port: number;
  render: () => Promise<string>;
  onFault: (error: unknown) => void;
}): Promise<MetricsServer> {
  const page = pageOf(options.render);
  const server = createServer((request, response) => {
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('cache-control', 'no-store');
    request.resume();
    if (request.url?.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404).end();
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      page().then(
        (bytes) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(bytes),
        (error: unknown) => {
          options.onFault(error);
          response.writeHead(503).end();
        },
      );
    }
  });
  guardConnections(server, MAX_CONNECTIONS);
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { address, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Renders at most once at a time and once a second, however many ask: it takes the time of the API's event loop. */
function pageOf(render: () => Promise<string>): () => Promise<Buffer> {
  let page: { bytes: Promise<Buffer>; until: number } | undefined;
  return () => {
    if (page === undefined || page.until <= performance.now()) {
      const rendered = { bytes: render().then((text) => Buffer.from(text)), until: Infinity };
      page = rendered;
      const age = (): void => {
        rendered.until = performance.now() + PAGE_AGE_MS;
      };
      rendered.bytes.then(age, age);
    }
    return page.bytes;
  };
}
