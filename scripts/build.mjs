// Compiles every package (incremental: a second run without changes takes well under a second).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const compiler = new URL('node_modules/ts7/bin/tsc', root);
if (!existsSync(compiler)) {
  // An installation without development packages has no compiler: it runs what was built before they were removed.
  if (!existsSync(new URL('packages/server/dist/main.js', root))) {
    console.error(
      'Nothing is built and there is no compiler: run `npm ci` with development packages, then `npm prune --omit=dev`.',
    );
    process.exitCode = 1;
  }
} else {
  const packages = ['contract', 'kmsauth', 'client', 'server'].map((name) => `packages/${name}`);
  const run = spawnSync(process.execPath, [compiler.pathname, '-b', ...packages], {
    cwd: root.pathname,
    stdio: 'inherit',
  });
  process.exitCode = run.status ?? 1;
}
