import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { goProgram, ROOT } from './installs.mjs';
import { run, start, tail, temporaryFolder } from './processes.mjs';
import { check, notRun, NotAvailable } from './report.mjs';
import { startEmbedded } from './servers.mjs';

const YAML = createRequire(join(ROOT, 'packages/client/package.json'))('yaml');
const RECIPES = join(ROOT, 'docs/recipes');
const CLIENT = join(ROOT, 'packages/client/bin/confidant.js');
const ADDRESS = 'https://confidant.example.com';
const PAIRS = { db_password: 'pä"s\n${word}', db_user: 'web' };
const HTTP_PROVIDER = '3.6.1';
const RUN_TIMEOUT_MS = 15 * 60_000;
/** npm's error codes for a registry that cannot be reached or does not answer, after all retries. */
const NO_REGISTRY =
  /npm (?:error|ERR!) code E(?:TIMEDOUT|CONN\w+|AI_AGAIN|NOTFOUND|IDLETIMEOUT|NETUNREACH|HOSTUNREACH|RR_SOCKET_TIMEOUT|429|5\d\d)\b/;
/** In tenths of systemd's exposure level, which is at most 10. systemd rates up to 2.0 as OK. */
const MAX_EXPOSURE = '20';

const recipe = (path) => readFileSync(join(RECIPES, path), 'utf8');

/** Runs the recipes with the programs that read them. docs/recipes.md says what they promise. */
export async function recipesWithTheirPrograms() {
  const at = await prepare();
  for (const [name, body] of Object.entries({ systemd, container, terraform, externalSecrets })) {
    try {
      await body(at);
    } catch (error) {
      if (!(error instanceof NotAvailable)) throw error;
      notRun(`the recipe for ${name}`, error.message);
    }
  }
  await check('our server is still running at the end', async () => {
    const answer = await fetch(`${at.server.url}/healthcheck`).catch(() => undefined);
    assert.equal(answer?.status, 200, `it is gone:\n${tail(at.server.output())}`);
  });
  await at.server.stop();
}

/** Starts our server with the service of the recipes, and makes an environment in which `confidant` acts as that service. */
async function prepare() {
  const server = await startEmbedded();
  const folder = temporaryFolder('recipes');
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync(CLIENT, join(bin, 'confidant'));
  symlinkSync(process.execPath, join(bin, 'node'));
  const { demo } = YAML.parse(readFileSync(server.config, 'utf8'));
  const { default: written } = YAML.parse(recipe('config.yaml'));
  const { url, auth_key, region } = demo;
  const context = { ...written.auth_context, to: demo.auth_context.to };
  const config = join(folder, 'config');
  writeFileSync(
    config,
    YAML.stringify({ default: { ...written, url, auth_key, region, auth_context: context, timeout: 60 } }),
  );
  const env = { ...server.env, PATH: `${bin}:${process.env.PATH}` };
  for (const args of [
    ['create_credential', '--name', 'Database', '--credential-pairs', '-'],
    ['map', '--service', context.from, '--cred-names', 'Database'],
  ]) {
    const end = await run('confidant', ['--timeout', '60', ...args], { env, stdin: JSON.stringify(PAIRS) });
    assert.equal(end.code, 0, end.stderr + end.stdout);
  }
  return { server, folder, bin, env: { ...env, CONFIDANT_CONFIG_FILES: config } };
}

async function systemd({ folder, bin }) {
  if ((await run('systemd-analyze', ['--version'])).code !== 0) throw new NotAvailable('there is no systemd-analyze');
  const unit = join(folder, 'web.service');
  writeFileSync(unit, recipe('systemd/web.service').replace('/usr/bin/confidant', join(bin, 'confidant')));
  await check('systemd reports no problem in the unit', async () => {
    const end = await run('systemd-analyze', ['verify', '--man=no', unit]);
    assert.deepEqual([end.code, end.stdout, end.stderr], [0, '', '']);
  });
  await check('systemd rates the exposure of the unit as OK', async () => {
    const args = ['security', '--offline=yes', `--threshold=${MAX_EXPOSURE}`, '--no-pager', unit];
    const end = await run('systemd-analyze', args);
    assert.equal(end.code, 0, tail(end.stdout + end.stderr, 3));
  });
}

async function container({ folder, bin: ours, env }) {
  const instructions = recipe('container/Dockerfile').replaceAll('\\\n', ' ');
  const read = (name) => new RegExp(`^${name} (.*)$`, 'm').exec(instructions)[1];
  const words = [...JSON.parse(read('ENTRYPOINT')), ...JSON.parse(read('CMD'))];
  const image = join(folder, 'image');
  mkdirSync(join(image, 'tmp/confidant'), { recursive: true });
  const installed = await check(
    'the packed packages install as the Dockerfile says, and `confidant` runs',
    async () => {
      const workspaces = ['contract', 'kmsauth', 'client'].flatMap((name) => ['-w', `packages/${name}`]);
      const packed = await run('npm', ['pack', ...workspaces, '--pack-destination', join(image, 'tmp/confidant')], {
        cwd: ROOT,
        env: process.env,
        timeoutMs: RUN_TIMEOUT_MS,
      });
      assert.equal(packed.code, 0, tail(packed.stderr));
      const lines = read('RUN').replaceAll(/\/(opt|tmp|root)\//g, (path) => image + path);
      const npm = {
        ...process.env,
        npm_config_cache: join(image, 'root/.npm'),
        npm_config_fetch_retries: '5',
        npm_config_fetch_timeout: '120000',
        // `npm run --silent` would make this npm silent too.
        npm_config_loglevel: 'error',
      };
      const made = await run('sh', ['-euc', lines], { cwd: image, env: npm, timeoutMs: RUN_TIMEOUT_MS });
      if (NO_REGISTRY.test(made.stderr)) throw new NotAvailable(`npm has no registry:\n${tail(made.stderr)}`);
      assert.equal(made.code, 0, tail(made.stderr));
      const bin = join(image, 'opt/confidant/node_modules/.bin');
      const version = await run(join(bin, 'confidant'), ['--version']);
      assert.match(version.stdout, /\d+\.\d+\.\d+/);
      return bin;
    },
    2 * RUN_TIMEOUT_MS,
  );
  const namespace = ['--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];
  if ((await run('unshare', [...namespace, 'true'])).code !== 0) {
    throw new NotAvailable('this machine gives no process namespaces to try it as process 1');
  }
  const asFirst = (script, more = {}) => {
    writeFileSync(join(folder, 'start-web'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'start-web'), 0o755);
    const inside = { ...env, ...more, PATH: `${installed ?? ours}:${env.PATH}` };
    return start('unshare', [...namespace, ...words], { cwd: folder, env: inside });
  };
  await check('as process 1 `confidant` passes the values on, and ends with the exit code of the program', async () => {
    const end = await asFirst('echo "$PPID $DB_USER $*"; exit 7').ended;
    assert.deepEqual([end.code, end.stdout], [7, '1 web --port 8000\n'], end.stderr);
  });
  await check(
    'as process 1 `confidant` passes a stop on, and exits with 143 if the program does not catch it',
    async () => {
      for (const [reaction, expected] of [
        [`trap 'echo stopping; exit 3' TERM; `, [3, 'ready\nstopping\n']],
        ['', [143, 'ready\n']],
      ]) {
        const running = asFirst(`${reaction}echo ready; while :; do sleep 0.05; done`);
        while (!running.output().includes('ready') && running.isRunning()) await sleep(50);
        await stopFirst(running);
        const end = await running.ended;
        assert.deepEqual([end.code, end.stdout], expected, end.stderr);
      }
    },
  );
  await check('as process 1 `confidant` does not start the program while a value is missing', async () => {
    const end = await asFirst('echo ran', { API_KEY: 'confidant' }).ended;
    assert.deepEqual([end.code, end.stdout], [255, ''], end.stderr);
    assert.match(end.stderr, /does not set API_KEY/);
  });
}

/** Stops a container as an engine does: sends SIGTERM to its process 1 from outside. */
async function stopFirst({ pid }) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  assert.equal(children.length, 1);
  process.kill(Number(children[0]), 'SIGTERM');
}

async function terraform({ server, folder, env }) {
  if ((await run('terraform', ['version'])).code !== 0) throw new NotAvailable('there is no terraform');
  const provider = await goProgram('terraform-http', 'github.com/terraform-providers/terraform-provider-http');
  const mirror = join(folder, 'mirror');
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch];
  const place = join(mirror, `registry.terraform.io/hashicorp/http/${HTTP_PROVIDER}/${process.platform}_${arch}`);
  mkdirSync(place, { recursive: true });
  copyFileSync(provider, join(place, `terraform-provider-http_v${HTTP_PROVIDER}`));
  const settings = join(folder, 'terraform.rc');
  const installation = `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`;
  writeFileSync(settings, `disable_checkpoint = true\n${installation}`);
  const cwd = join(folder, 'terraform');
  mkdirSync(cwd);
  copyFileSync(join(RECIPES, 'terraform/main.tf'), join(cwd, 'main.tf'));
  // Runs terraform as the first line of main.tf says.
  const shell = (line, more = {}) =>
    run('sh', ['-c', `TF_VAR_confidant_token="$(confidant token)" terraform ${line}`], {
      cwd,
      env: {
        ...env,
        TF_CLI_CONFIG_FILE: settings,
        TF_IN_AUTOMATION: '1',
        TF_VAR_confidant_url: server.url,
        ...more,
      },
    });
  await check('terraform accepts the format, provider and types of the file', async () => {
    for (const line of ['fmt -check -diff', 'init -input=false -no-color', 'validate -no-color']) {
      const end = await shell(line);
      assert.equal(end.code, 0, `${line}\n${end.stdout}${end.stderr}`);
    }
  });
  await check('terraform reads the value, and prints neither the value nor the token', async () => {
    const applied = await shell('apply -input=false -no-color -auto-approve');
    assert.equal(applied.code, 0, applied.stdout + applied.stderr);
    assert.equal((await shell('output -raw db_password')).stdout, PAIRS.db_password);
    const state = JSON.parse(readFileSync(join(cwd, 'terraform.tfstate'), 'utf8'));
    const [{ attributes }] = state.resources[0].instances;
    const token = attributes.request_headers.Authorization.replace('Basic ', '');
    for (const secret of [PAIRS.db_password.split('\n')[0], token, Buffer.from(token, 'base64').toString()]) {
      assert.ok(!(applied.stdout + applied.stderr).includes(secret));
    }
    // As the guide says, the state contains the secrets.
    assert.ok(attributes.response_body.includes('db_password'));
  });
  await check('terraform stops at another service and at an invalid token, and says why', async () => {
    for (const variable of [
      { TF_VAR_confidant_service: 'other' },
      { TF_CLI_ARGS_plan: '-var=confidant_token=2/service/web-production:AAAA' },
    ]) {
      const end = await shell('plan -input=false -no-color', variable);
      assert.equal(end.code, 1, end.stdout);
      assert.match(end.stderr, /Confidant answered 403 for (other|web-production)\./);
    }
  });
  await check('terraform stops at a key that the service does not have', async () => {
    const file = join(cwd, 'main.tf');
    writeFileSync(file, recipe('terraform/main.tf').replace('secrets["db_password"]', 'secrets["none"]'));
    const end = await shell('plan -input=false -no-color');
    assert.equal(end.code, 1, end.stdout);
    assert.match(end.stderr, /does not identify an\s+(\S\s+)?element/);
    assert.ok(!end.stderr.includes(PAIRS.db_user + '"'));
  });
}

async function externalSecrets({ server, folder, env }) {
  const program = await goProgram('external-secrets');
  const [makeToken] = YAML.parseAllDocuments(recipe('external-secrets/token.yaml'))
    .map((document) => document.toJS())
    .find(({ kind }) => kind === 'CronJob').spec.jobTemplate.spec.template.spec.initContainers;
  const store = (name, change = (text) => text) => {
    const path = join(folder, name);
    writeFileSync(path, change(recipe('external-secrets/secrets.yaml').replace(ADDRESS, server.url)));
    return path;
  };
  const sync = async (secrets) => {
    const end = await run(program, [patch, join(RECIPES, 'external-secrets/token.yaml'), secrets]);
    assert.equal(end.code, 0, end.stderr);
    return JSON.parse(end.stdout);
  };
  const patch = join(folder, 'patch.json');
  await check('External Secrets reads each value with the token of the job, and the manifests are valid', async () => {
    const made = await run(makeToken.command[0], makeToken.command.slice(1).map(inFolder(folder)), { env });
    assert.equal(made.code, 0, made.stderr);
    const expected = { DB_PASSWORD: PAIRS.db_password, DB_USER: PAIRS.db_user };
    assert.deepEqual(await sync(store('secrets.yaml')), { values: expected, errors: {} });
  });
  await check(
    'External Secrets gets an error, never an empty value, for what it may not read or does not exist',
    async () => {
      const other = await sync(store('other.yaml', (text) => text.replaceAll('key: web-production', 'key: other')));
      assert.deepEqual(other.values, {});
      assert.match(Object.values(other.errors).join(), /403.*,.*403/);
      const none = await sync(store('none.yaml', (text) => text.replaceAll('property: db_', 'property: no_')));
      assert.deepEqual(none.values, {});
      const bad = { stringData: { ...JSON.parse(readFileSync(patch, 'utf8')).stringData, token: 'AAAA' } };
      writeFileSync(patch, JSON.stringify(bad));
      assert.deepEqual((await sync(store('secrets.yaml'))).values, {});
    },
  );
}

/** Replaces the volume that the manifest mounts at /token by a folder. */
const inFolder = (folder) => (word) => word.replaceAll('/token/', `${folder}/`);
