// Compiles every package (incremental: a second run without changes takes well under a second).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const compiler = new URL('node_modules/ts7/bin/tsc', root);
// An installation without development packages (npm ci --omit=dev) brings its own dist/.
if (existsSync(compiler)) {
  const packages = ['contract', 'kmsauth', 'client', 'server'].map((name) => `packages/${name}`);
  const run = spawnSync(process.execPath, [compiler.pathname, '-b', ...packages], {
    cwd: root.pathname,
    stdio: 'inherit',
  });
  process.exitCode = run.status ?? 1;
}
