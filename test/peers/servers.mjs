import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { dynamoDbLocal, motoServer, originalServer, ROOT } from './installs.mjs';
import { answering, cleanEnvironment, freePort, run, start, tail, temporaryFolder } from './processes.mjs';
import { NotAvailable } from './report.mjs';

const { parseJson } = await import(new URL('../../packages/contract/dist/index.js', import.meta.url));
export const kmsauth = await import(new URL('../../packages/kmsauth/dist/index.js', import.meta.url));
const { Keyring } = await import(new URL('../../packages/server/dist/embedded/keyring.js', import.meta.url));

export { parseJson };
const PYTHON = (name) => join(import.meta.dirname, `python/${name}.py`);
const MISSING_MODULES = PYTHON('missing_modules');

export const REGION = 'us-east-1';
/** Any credentials will do: moto and DynamoDB Local check no signatures. */
export const AWS = { AWS_ACCESS_KEY_ID: 'AKIAPEERS', AWS_SECRET_ACCESS_KEY: 'peers', AWS_DEFAULT_REGION: REGION };

const MOTO_CREDENTIALS = { accessKeyId: AWS.AWS_ACCESS_KEY_ID, secretAccessKey: AWS.AWS_SECRET_ACCESS_KEY };

/** Starts Amazon's DynamoDB Local, in memory. */
export async function startDynamoDbLocal() {
  const folder = await dynamoDbLocal();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ['-Djava.library.path=DynamoDBLocal_lib', '-jar', 'DynamoDBLocal.jar'];
  const options = ['-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)];
  const program = start('java', [...args, ...options], { cwd: folder });
  await answering(program, url, 'DynamoDB Local');
  return { url, stop: program.stop };
}

/** Starts a DynamoDB for the servers: DynamoDB Local if it can run, otherwise dynoxide, which our own tests use. */
export async function startTables() {
  try {
    return await startDynamoDbLocal();
  } catch (error) {
    if (!(error instanceof NotAvailable)) throw error;
    const binary = join(ROOT, `node_modules/@dynoxide/${process.platform}-${process.arch}/dynoxide`);
    if (!existsSync(binary)) throw error;
    console.log(`  (${error.message}: dynoxide is the table instead)`);
    const port = await freePort();
    const program = start(binary, ['serve', '--host', '127.0.0.1', '--port', String(port)]);
    const url = `http://127.0.0.1:${port}`;
    await answering(program, url, 'dynoxide');
    return { url, stop: program.stop };
  }
}

/** Starts moto as KMS, IAM and STS, with the keys and roles that the checks use. */
export async function startMoto(roles) {
  const bin = await motoServer();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const program = start(join(bin, 'moto_server'), ['-H', '127.0.0.1', '-p', String(port)]);
  await answering(program, `${url}/moto-api/`, 'moto');
  const made = await run(join(bin, 'python'), [PYTHON('prepare_moto')], {
    env: cleanEnvironment({ ...AWS, AWS_ENDPOINT_URL: url }),
    stdin: JSON.stringify({
      aliases: ['master', 'service', 'user', 'sandbox'].map((name) => `alias/peers-${name}`),
      roles,
    }),
  });
  if (made.code !== 0) throw new Error(`moto could not be prepared:\n${tail(made.stderr)}`);
  return { url, stop: program.stop };
}

/** The settings of both servers for one table, with moto as the rest of AWS. */
export function sharedSettings(aws, dynamo, table) {
  return {
    ...AWS,
    AWS_ENDPOINT_URL_IAM: aws.url,
    AWS_ENDPOINT_URL_STS: aws.url,
    KMS_URL: aws.url,
    KMS_CONNECTION_TIMEOUT: '60',
    KMS_READ_TIMEOUT: '60',
    KMS_MASTER_KEY: 'alias/peers-master',
    AUTH_KEY: 'alias/peers-service',
    USER_AUTH_KEY: 'alias/peers-user',
    SCOPED_AUTH_KEYS: '{"alias/peers-sandbox":"sandbox"}',
    AUTH_CONTEXT: 'confidant-peers',
    KMS_AUTH_USER_TYPES: 'user,service',
    DYNAMODB_URL: dynamo.url,
    DYNAMODB_TABLE: table,
    DYNAMODB_TABLE_ARCHIVE: `${table}-archive`,
    PYNAMO_CONNECT_TIMEOUT_SECONDS: '60',
    PYNAMO_READ_TIMEOUT_SECONDS: '60',
    SESSION_SECRET: randomBytes(32).toString('hex'),
    GOOGLE_OAUTH_CLIENT_ID: 'peers',
    GOOGLE_OAUTH_CONSUMER_SECRET: 'peers',
    MAXIMUM_ROTATION_DAYS: '90',
    SSLIFY: 'false',
    STATSD_PORT: '0',
  };
}

/** Starts our server as `npm start` does. */
export async function startOurs(settings) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = cleanEnvironment({ LOG_LEVEL: 'warn', ...settings, PORT: String(port) });
  const program = start(process.execPath, [join(ROOT, 'packages/server/bin/confidant-server.js')], { env });
  await answering(program, `${url}/healthcheck`, 'our server');
  return { name: 'ours', url, output: program.output, stop: program.stop };
}

/** Runs our `confidant-admin`. */
export function ourAdmin(settings, args) {
  const program = join(ROOT, 'packages/server/bin/confidant-admin.js');
  return run(process.execPath, [program, ...args], { env: cleanEnvironment(settings) });
}

/** Starts the embedded default, with keys for blind credentials in two regions. */
export async function startEmbedded(settings = {}) {
  const data = join(temporaryFolder('embedded'), 'data');
  const keyring = Keyring.open(data);
  for (const region of ['us-east-1', 'us-west-2']) keyring.createKey(region, 'alias/blind');
  keyring.close();
  const server = await startOurs({
    CONFIDANT_DATA_DIR: data,
    CONFIDANT_KMS_PORT: String(await freePort()),
    ...settings,
  });
  // The file is sourced as a person would, so that it is tested too.
  const sourced = await run('sh', ['-c', `. '${join(data, 'client.env')}' && env -0`]);
  if (sourced.code !== 0) throw new Error(`client.env does not work in sh:\n${sourced.stderr}`);
  const env = Object.fromEntries(
    sourced.stdout.split('\0').flatMap((line) => {
      const [name, ...value] = line.split('=');
      return /^(AWS|CONFIDANT)_/.test(name) ? [[name, value.join('=')]] : [];
    }),
  );
  return {
    ...server,
    env: cleanEnvironment(env),
    config: join(data, 'client.yaml'),
    kms: {
      url: env.AWS_ENDPOINT_URL_KMS,
      credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
    },
  };
}

/** Starts the original under gunicorn, as its own guide says. */
export async function startOriginal(version, settings) {
  const { bin } = await originalServer();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [
    'confidant.wsgi:app',
    '-c',
    MISSING_MODULES,
    '-w',
    '1',
    '-k',
    'gevent',
    '-t',
    '300',
    '-b',
    `127.0.0.1:${port}`,
  ];
  const program = start(join(bin, 'gunicorn'), args, await originalOptions(version, settings));
  await answering(program, `${url}/healthcheck`, `Confidant ${version}`);
  return { name: `the original ${version}`, url, output: program.output, stop: program.stop };
}

/** Runs the original's management commands. */
export async function originalAdmin(version, settings, args) {
  const { bin } = await originalServer();
  const code = `import runpy; runpy.run_path(${JSON.stringify(MISSING_MODULES)}); from confidant.scripts.manage import main; main()`;
  return run(join(bin, 'python'), ['-c', code, ...args], await originalOptions(version, settings));
}

/** Returns every row of the tables as the original's own models read them. */
export async function originalRows(version, settings) {
  const { bin } = await originalServer();
  const end = await run(join(bin, 'python'), [PYTHON('rows')], await originalOptions(version, settings));
  if (end.code !== 0) throw new Error(`the original cannot read its rows:\n${tail(end.stderr)}`);
  return parseJson(end.stdout);
}

async function originalOptions(version, settings) {
  const { packages } = await originalServer();
  const statsd = { STATSD_HOST: '127.0.0.1', STATSD_PORT: String(await freePort()) };
  return {
    env: cleanEnvironment({ ...settings, ...statsd, PYTHONPATH: packages(version), PYTHONWARNINGS: 'ignore' }),
    cwd: temporaryFolder('original'),
  };
}

/** A client for the KMS at an endpoint, with the adapter that our server uses. */
export function kmsOf({ url, region = REGION, credentials = MOTO_CREDENTIALS }) {
  return kmsauth.awsKms({
    region,
    endpoint: url,
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    maxSockets: 20,
    maxAttempts: 3,
    credentials,
  });
}

/** Returns a function that sends requests with our tokens to any server that trusts the keys. */
export function callers(kms, keys, to) {
  const generators = new Map();
  return async function call(server, as, method, path, body) {
    const [userType, from] = as.split(':');
    if (!generators.has(as)) {
      const authKey = keys[userType];
      generators.set(
        as,
        new kmsauth.TokenGenerator({ kms, authKey, from, to, userType, version: 2, lifetimeMinutes: 30 }),
      );
    }
    const { username, token } = await generators.get(as).token();
    const response = await fetch(server.url + path, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(120_000),
      headers: {
        // gunicorn closes a connection that is idle for two seconds, so a kept one may be closed when it is used again.
        connection: 'close',
        authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      // A text is sent as it is, because it may contain numbers that JavaScript would change.
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    // The content type does not count: the original labels some of its JSON as HTML.
    return { status: response.status, text, json: text.startsWith('{') ? parseJson(text) : undefined };
  };
}
