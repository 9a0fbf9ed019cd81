// Compiles every package and bundles the web application (incremental: a second run without changes takes well under a
// second).
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const compiler = new URL('node_modules/ts7/bin/tsc', root);
const web = new URL('packages/web/', root);

if (!existsSync(compiler)) {
  // An installation without development packages runs what was built before they were removed.
  if (!existsSync(new URL('packages/server/dist/main.js', root)) || !existsSync(new URL('dist/index.html', web))) {
    console.error(
      'Nothing is built and there is no compiler: run `npm ci` with development packages, then `npm prune --omit=dev`.',
    );
    process.exitCode = 1;
  }
} else {
  const packages = ['contract', 'kmsauth', 'client', 'server'].map((name) => `packages/${name}`);
  process.exitCode = run(compiler, ['-b', ...packages], root);
  if (process.exitCode === 0 && isStale()) {
    process.exitCode = run(new URL('node_modules/vite/bin/vite.js', root), ['build'], web);
  }
}

function run(program, args, cwd) {
  return spawnSync(process.execPath, [program.pathname, ...args], { cwd: cwd.pathname, stdio: 'inherit' }).status ?? 1;
}

/** Whether anything that the web application is made of is newer than its page. */
function isStale() {
  const page = new URL('dist/index.html', web);
  if (!existsSync(page)) return true;
  const sources = ['src', 'index.html', 'vite.config.ts', 'package.json', '../contract/dist'];
  return Math.max(...sources.map((name) => newest(new URL(name, web)))) > statSync(page).mtimeMs;
}

function newest(place) {
  const stat = statSync(place);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const files = readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map((entry) => statSync(`${entry.parentPath ?? entry.path}/${entry.name}`).mtimeMs));
}
