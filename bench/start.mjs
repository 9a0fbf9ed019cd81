// Compares how long the command line takes to its first output and to its end with an empty `node -e 0`, in alternating
// runs of whole processes. `node bench/start.mjs`; RUNS=31 makes more runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { median } from './load.mjs';
import { SERVICE, startSqlite } from './servers.mjs';

const RUNS = Number(process.env.RUNS ?? 15);
const PROGRAM = fileURLToPath(new URL('../packages/client/bin/confidant.js', import.meta.url));

const server = await startSqlite(1);
try {
  const own = join(server.dataDir, 'client.yaml');
  const asking = join(server.dataDir, 'asking.yaml');
  writeFileSync(asking, readFileSync(own, 'utf8').replaceAll(/token_cache_file:.*/g, "token_cache_file: ''"));
  const exports = readFileSync(join(server.dataDir, 'client.env'), 'utf8').matchAll(/^export (\w+)='(.*)'$/gm);
  const env = { ...process.env, ...Object.fromEntries([...exports].map(([, name, value]) => [name, value])) };
  const get = ['get_service', '--service', SERVICE];
  for (const [name, args] of [
    ['--version', ['--version']],
    ['--help', ['--help']],
    ['completion bash', ['completion', 'bash']],
    ['get_service, token from its file', ['--config-files', own, ...get]],
    ['get_service, token from KMS', ['--config-files', asking, ...get]],
  ]) {
    const [ours, empty] = [
      [PROGRAM, ...args],
      ['-e', '0'],
    ];
    // The first run is not counted: it reads the files from disk and makes the token.
    await measure(ours, env);
    await measure(empty, env);
    const rounds = [];
    for (let i = 0; i < RUNS; i++) rounds.push({ ours: await measure(ours, env), empty: await measure(empty, env) });
    report(name, rounds);
  }
} finally {
  await server.stop();
}

/** Returns the milliseconds from the start of a process to its first output (or its end, if it prints nothing) and to its end. */
async function measure(args, env) {
  const begun = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let first;
  child.stdout.on('data', () => (first ??= performance.now() - begun));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}`);
  const end = performance.now() - begun;
  return { first: first ?? end, end };
}

function report(name, rounds) {
  const ratio = (of) => {
    const ratios = rounds.map(({ ours, empty }) => of(ours) / empty.end).sort((a, b) => a - b);
    return `${median(ratios).toFixed(2)} (${ratios[0].toFixed(2)} to ${ratios.at(-1).toFixed(2)})`;
  };
  const figure = (of) => Math.round(median(rounds.map(of)));
  console.log(
    `${name}: first output after ${ratio(({ first }) => first)} times an empty node, end after ${ratio(({ end }) => end)}` +
      `; ${figure(({ ours }) => ours.first)} and ${figure(({ ours }) => ours.end)} ms, node ${figure(({ empty }) => empty.end)} ms`,
  );
}
