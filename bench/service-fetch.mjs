// Compares GET /v1/services/:id (ten credentials, authenticated, warm caches) with a bare node:http server that returns the
// same bytes, in alternating rounds with two workers each. Prints the ratio of CPU per request. `node bench/service-fetch.mjs`
import { measure, median } from './load.mjs';
import { startBare, startDynamo, startSqlite } from './servers.mjs';

const WORKERS = 2;
const ROUNDS = Number(process.env.ROUNDS ?? 7);
const LOAD = { requests: Number(process.env.REQUESTS ?? 6000), connections: 16 };

for (const [name, start] of [
  ['SQLite', startSqlite],
  ['DynamoDB (table in memory)', startDynamo],
]) {
  const server = await start(WORKERS);
  const bytes = Number((await fetch(server.url, { headers: server.headers })).headers.get('content-length'));
  const bare = await startBare(WORKERS, bytes);
  try {
    await measure(server, LOAD);
    await measure(bare, LOAD);
    const rounds = [];
    for (let i = 0; i < ROUNDS; i++)
      rounds.push({ bare: await measure(bare, LOAD), ours: await measure(server, LOAD) });
    report(name, bytes, rounds);
  } finally {
    await server.stop();
    await bare.stop();
  }
}

function report(name, bytes, rounds) {
  const ratios = rounds.map(({ bare, ours }) => ours.cpuMicroseconds / bare.cpuMicroseconds);
  const figure = (of) => Math.round(median(rounds.map(of)));
  console.log(
    `${name}: CPU per request ${median(ratios).toFixed(2)} times the bare server's ` +
      `(${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} over ${rounds.length} rounds)\n` +
      `  ours ${figure((round) => round.ours.cpuMicroseconds)} us, ${figure((round) => round.ours.perSecond)} requests/s; ` +
      `bare ${figure((round) => round.bare.cpuMicroseconds)} us, ${figure((round) => round.bare.perSecond)} requests/s; ` +
      `${bytes} bytes, ${LOAD.requests} requests per round, ${WORKERS} workers`,
  );
}
