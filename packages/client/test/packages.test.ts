import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

/** The packages are packed from the build and installed into an empty project, which takes a while. */
vi.setConfig({ hookTimeout: 600_000 });

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const NAMES = ['contract', 'kmsauth', 'client', 'web', 'server'] as const;
const folder = mkdtempSync(join(tmpdir(), 'confidant-packages-'));
const project = join(folder, 'project');
let packed: { name: string; filename: string; files: { path: string }[] }[];

/** Excludes what npm sets about this project for its scripts, and what vitest sets. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) =>
      !/^(VITEST|NODE_ENV|NODE_OPTIONS|AWS_|INIT_CWD)/.test(name) &&
      (!/^npm_/i.test(name) || /^npm_config_(registry|cache|userconfig|.*proxy|cafile)$/i.test(name)),
  ),
);
const run = async (program: string, ...args: string[]): Promise<string> => {
  const options = { cwd: project, env: environment, maxBuffer: 64 * 1024 * 1024 };
  return (await promisify(execFile)(program, args, options)).stdout;
};
const read = (path: string): string => readFileSync(path, 'utf8');

beforeAll(async () => {
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  // Without their scripts, because a build would disturb other tests that run the built programs.
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  packed = JSON.parse(await run('npm', ...pack, ...NAMES.map((name) => join(ROOT, 'packages', name)))) as typeof packed;
  const { devDependencies } = JSON.parse(read(join(ROOT, 'package.json'))) as {
    devDependencies: Record<string, string>;
  };
  // Five retries instead of npm's two, because the registry may be unavailable for a moment.
  const install = ['install', '--prefer-offline', '--fetch-retries=5', '--ignore-scripts', '--no-audit', '--no-fund'];
  const tarballs = packed.map(({ filename }) => join(folder, filename));
  await run('npm', ...install, ...tarballs, `@types/node@${devDependencies['@types/node']}`);
  // The guides' commands pin no versions, so this fills npm's cache with what they need offline.
  await run('npm', ...install, '--prefix', join(folder, 'unpinned'), ...tarballs);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The installed embedded server, in a data directory of that name. */
async function withServer(name: string, work: (data: string) => Promise<void>): Promise<void> {
  const data = join(folder, name);
  const server = spawn(join(project, 'node_modules/.bin/confidant-server'), {
    env: { PATH: process.env['PATH'], CONFIDANT_DATA_DIR: data, PORT: '0', CONFIDANT_KMS_PORT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    let printed = '';
    await new Promise<void>((resolve, reject) => {
      server.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        printed += chunk;
        if (printed.includes('act as you')) resolve();
      });
      server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
    });
    await work(data);
  } finally {
    server.removeAllListeners('exit');
    const isRunning = server.exitCode === null && server.kill('SIGTERM');
    if (isRunning) await once(server, 'exit');
  }
}

/** The settings of npm that come from files in the home directory. */
async function npmSettings(): Promise<Record<string, string>> {
  const names = ['cache', 'userconfig', 'registry'];
  const values = await Promise.all(names.map((name) => run('npm', 'config', 'get', name)));
  return Object.fromEntries(names.map((name, i) => [`npm_config_${name}`, values[i]!.trim()]));
}

/** An environment without a network: npm takes what is not in `packed` from its cache, or fails. */
async function offlineEnvironment(home: string): Promise<Record<string, string | undefined>> {
  const offline = { HOME: home, npm_config_offline: 'true', npm_config_audit: 'false' };
  return { ...environment, ...(await npmSettings()), ...offline };
}

describe('a tarball', () => {
  test('a tarball contains only the build, its sources, a README and the licence', () => {
    for (const { name, files } of packed) {
      const paths = files.map(({ path }) => path);
      const wanted =
        /^(package\.json|LICENSE|README\.md|bin\/[\w-]+\.js|(src|examples)\/.+\.ts|dist\/.+\.(js|js\.map|d\.ts))$/;
      const bundled = /^(index\.(js|d\.ts)|dist\/(index\.html|assets\/app\/[\w-]+\.(js|css|svg|woff2)))$/;
      const isWanted = (path: string): boolean =>
        wanted.test(path) || (name === '@confidant/web' && bundled.test(path));
      expect([name, paths.filter((path) => !isWanted(path) || /\btests?\b/.test(path))]).toEqual([name, []]);
      expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
    }
  });

  test("every package has the project's licence", () => {
    for (const name of NAMES) expect(read(join(ROOT, 'packages', name, 'LICENSE'))).toBe(read(join(ROOT, 'LICENSE')));
  });
});

test.each([
  ['docs/client.md', 'confidant/node_modules/.bin/confidant'],
  ['packages/server/README.md', 'confidant-server/node_modules/.bin/confidant-server'],
])('the install command of %s installs the packed tarballs, without a registry', async (guide, program) => {
  const line = /^npm install --prefix .*$/m.exec(read(join(ROOT, guide)))![0];
  const home = mkdtempSync(join(folder, 'home-'));
  mkdirSync(join(home, 'packed'));
  for (const { filename } of packed) copyFileSync(join(folder, filename), join(home, 'packed', filename));
  const env = await offlineEnvironment(home);
  await promisify(execFile)('sh', ['-c', line], { cwd: home, env });
  expect((await promisify(execFile)(join(home, program), ['--version'])).stdout).toMatch(/^confidant/);
});

test('the install command of docs/client.md adds the SDK to a project, without a registry', async () => {
  const line = /^npm install \.\.\/packed\/.*$/m.exec(read(join(ROOT, 'docs/client.md')))![0];
  const home = mkdtempSync(join(folder, 'home-'));
  for (const name of ['packed', 'app']) mkdirSync(join(home, name));
  for (const { filename } of packed) copyFileSync(join(folder, filename), join(home, 'packed', filename));
  writeFileSync(join(home, 'app/package.json'), '{"private": true}');
  const env = await offlineEnvironment(home);
  const at = { cwd: join(home, 'app'), env };
  await promisify(execFile)('sh', ['-c', line], at);
  const script = "import { connect } from '@confidant/client'; console.log(typeof connect)";
  const program = ['--input-type=module', '--eval', script];
  expect((await promisify(execFile)(process.execPath, program, at)).stdout).toBe('function\n');
});

describe('installed into an empty project', () => {
  test('the programs are installed and run', async () => {
    const npx = ['--no-install', '--'];
    expect(await run('npx', ...npx, 'confidant', '--version')).toMatch(/^confidant \d+\.\d+\.\d+\n$/);
    expect(await run('npx', ...npx, 'confidant-format', '--version')).toMatch(/^confidant-format \d+\.\d+\.\d+\n$/);
    expect(await run('npx', ...npx, 'confidant-server', '--help')).toContain('confidant-server');
    expect(await run('npx', ...npx, 'confidant-admin', '--help')).toContain('confidant-admin');
  });

  test('the server starts, and the command line works with it', () =>
    withServer('data', async (data) => {
      const listed = await run(
        'sh',
        '-c',
        `. '${data}/client.env' && npx --no-install confidant --timeout 60 list_credentials`,
      );
      expect(JSON.parse(listed)).toMatchObject({ credentials: [], result: true });
    }));

  test.each([
    ['ES modules', 'esm', 'module'],
    ['CommonJS', 'cjs', 'commonjs'],
  ] as const)('bundled into one program of %s, the SDK works with nothing installed', async (_, format, type) => {
    writeFileSync(join(project, 'bundled.js'), BUNDLED);
    const alone = join(folder, format);
    const bundle = await rolldown({
      input: join(project, 'bundled.js'),
      platform: 'node',
      cwd: project,
      logLevel: 'silent',
    });
    await bundle.write({ dir: alone, format });
    await bundle.close();
    writeFileSync(join(alone, 'package.json'), JSON.stringify({ type }));
    await withServer(`data-${format}`, async (data) => {
      const printed = await run('sh', '-c', `. '${data}/client.env' && exec node '${alone}/bundled.js'`);
      expect(printed).toBe('{"credentials":[]}\n');
    });
  });

  test('Node can import every library', async () => {
    const script = `
      import { ROUTES, pythonJson } from '@confidant/contract';
      import { ADDRESSES, parseJson } from '@confidant/contract/wire';
      import { FernetKey } from '@confidant/kmsauth';
      import { TokenGenerator } from '@confidant/kmsauth/sender';
      import { ConfidantClient, nodeTransport } from '@confidant/client';
      console.log(ROUTES.getService.path === ADDRESSES.getService.path, pythonJson(parseJson('{"n": 1.0}')), typeof FernetKey, typeof TokenGenerator, typeof ConfidantClient, typeof nodeTransport);`;
    const printed = await run(process.execPath, '--input-type=module', '--eval', script);
    expect(printed).toBe('true {"n": 1.0} function function function function\n');
  });

  test('the types resolve and are correct, including those of dependencies', async () => {
    writeFileSync(join(project, 'app.ts'), APP);
    copyFileSync(join(ROOT, 'packages/kmsauth/examples/service-to-service.ts'), join(project, 'middleware.ts'));
    const compiler = join(ROOT, 'node_modules/ts7/bin/tsc');
    const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'];
    const target = ['--target', 'es2023', '--lib', 'es2023', '--types', 'node', '--pretty', 'false'];
    const check = (module: string, moduleResolution: string): Promise<string> => {
      const options = [...strict, ...target, '--module', module, '--moduleResolution', moduleResolution];
      const checked = run(process.execPath, compiler, ...options, 'app.ts', 'middleware.ts');
      return checked.catch((error: { stdout: string }) => error.stdout);
    };
    expect(await check('nodenext', 'nodenext')).toBe('');
    expect(await check('esnext', 'bundler')).toBe('');
  });
});

const BUNDLED = `
import { completeSettings, connect, loadProfile } from '@confidant/client';

(async () => {
  const { profile } = await loadProfile();
  const { client, close } = await connect(completeSettings({ ...profile, timeoutMs: 60_000 }));
  const { credentials } = await client.listCredentials();
  console.log(JSON.stringify({ credentials }));
  close();
})();
`;

const APP = `
import { ConfidantClient, ConfidantError, completeSettings, connect, loadProfile, nodeTransport } from '@confidant/client';
import { encryptBlind } from '@confidant/kmsauth';
import { awsKms } from '@confidant/kmsauth/sender';
import { ROUTES, type ResponseOf } from '@confidant/contract';
import { ADDRESSES, parseJson } from '@confidant/contract/wire';

export async function read(id: string): Promise<ResponseOf<'getService'> | undefined> {
  const { profile } = await loadProfile();
  const { client, close } = await connect(completeSettings(profile));
  try {
    const service = await client.getService(id);
    for (const { name, credential_pairs: pairs } of service.credentials) console.log(name.length, pairs['key']);
    // @ts-expect-error: what a service does not have is no type either.
    console.log(service.credential_pairs);
    return service;
  } catch (error) {
    if (error instanceof ConfidantError && error.status === 404) return undefined;
    throw error;
  } finally {
    close();
  }
}

export const parts = [ConfidantClient, nodeTransport, encryptBlind, awsKms, parseJson, ROUTES, ADDRESSES];
`;
