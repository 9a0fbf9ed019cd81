// Shows where a request spends its CPU time: sends warm fetches to one process and adds up its profile by place.
// `node bench/profile.mjs [sqlite|dynamodb]`
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drive } from './load.mjs';
import { startDynamo, startSqlite } from './servers.mjs';

const start = process.argv[2] === 'dynamodb' ? startDynamo : startSqlite;
const load = { requests: Number(process.env.REQUESTS ?? 20_000), connections: 16 };
const folder = mkdtempSync(join(tmpdir(), 'confidant-profile-'));
const server = await start(1, ['--cpu-prof', `--cpu-prof-dir=${folder}`]);
await drive(server.url, server.headers, load);
await server.stop();
const profile = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]), 'utf8'));
rmSync(folder, { recursive: true });

const selfTimes = new Map();
const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
profile.samples.forEach((id, i) => {
  const { functionName, url } = nodes.get(id).callFrame;
  if (functionName === '(idle)' || functionName === '(program)') return;
  const place = placeOf(url, functionName);
  selfTimes.set(place, (selfTimes.get(place) ?? 0) + profile.timeDeltas[i]);
});
const total = [...selfTimes.values()].reduce((sum, time) => sum + time, 0);
console.log(`${(total / load.requests).toFixed(0)} us of JavaScript and native calls per request, by place:`);
for (const [place, time] of [...selfTimes].sort((a, b) => b[1] - a[1]).slice(0, 40)) {
  console.log(
    `${((100 * time) / total).toFixed(1).padStart(5)} %  ${(time / load.requests).toFixed(1).padStart(6)} us  ${place}`,
  );
}

function placeOf(url, functionName) {
  if (process.env.FUNCTIONS) return `${functionName} ${url.replace(/.*(node_modules|packages)\//, '')}`;
  if (functionName === '(garbage collector)') return 'garbage collection';
  const module = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (module) return module;
  const own = /packages\/(.*)\/dist\/(.*)\.js$/.exec(url);
  if (own) return `${own[1]}/${own[2]}`;
  return url.startsWith('node:')
    ? url.replace(/internal\/(streams|crypto|process|timers)\/.*/, 'internal/$1')
    : 'native';
}
