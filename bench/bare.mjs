// The server to compare with: node:http that returns the same number of bytes and does nothing else.
import cluster from 'node:cluster';
import http from 'node:http';

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.env.WORKERS); i++) {
    cluster.fork().on('message', ({ port }) => i === 0 && console.log(`listening http://127.0.0.1:${port}/`));
  }
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill();
    process.exit(0);
  });
} else {
  const body = Buffer.from(JSON.stringify({ filler: 'x'.repeat(Number(process.env.BYTES) - 13) }));
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  });
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
}
