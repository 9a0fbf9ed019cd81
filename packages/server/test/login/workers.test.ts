import { expect, onTestFinished, test } from 'vitest';
import { dataDirectory, run } from '../harness/program.js';
import { startKmsStandIn } from '../stand-ins/kms.js';
import { startDynamoDb } from '../stand-ins/dynamodb-server.js';
import { freePort } from '../harness/free-port.js';
import { SECRET } from '../harness/server.js';
import { CLIENT_ID, CLIENT_SECRET, startOpenIdProvider } from './openid-provider.js';
import { Visitor } from './visitor.js';

/** Requests with the cookie, on new connections: the supervisor gives them to its workers in turn. */
function askAll(origin: string, cookie: string): Promise<Response>[] {
  return Array.from({ length: 12 }, () =>
    fetch(`${origin}/v1/user/email`, {
      headers: { cookie: `confidant_session=${cookie}`, connection: 'close' },
      // A connection gets no response when its worker was killed while Node's supervisor was handing it over.
      signal: AbortSignal.timeout(20_000),
    }),
  );
}

async function statusesOf(origin: string, cookie: string): Promise<Set<number>> {
  return new Set((await Promise.all(askAll(origin, cookie))).map(({ status }) => status));
}

/** The processes that have served a request. */
function pidsOf(server: { stdout(): string }): Set<string> {
  return new Set([...server.stdout().matchAll(/"pid":(\d+).*"msg":"request"/g)].map(([, pid]) => pid!));
}

/** Sends requests until both workers have served one: the server counts as ready when one of them is. */
async function untilBothServe(server: { stdout(): string }, origin: string, cookie: string): Promise<void> {
  const asked = async (): Promise<number> => {
    expect(await statusesOf(origin, cookie)).toEqual(new Set([200]));
    return pidsOf(server).size;
  };
  await expect.poll(asked, { timeout: 100_000 }).toBe(2);
}

test('with several workers the printed link works once, and a logout ends every copy of the cookie, after a restart too', async () => {
  const data = dataDirectory();
  const start = () => run({ CONFIDANT_DATA_DIR: data.path, WEB_CONCURRENCY: '2', LOG_LEVEL: 'info' });
  let server = await start();
  const stop = async () => {
    server.process.kill('SIGTERM');
    await server.exited;
  };
  onTestFinished(async () => {
    await stop();
    data.remove();
  });
  const link = new URL(/http:\/\/127\.0\.0\.1:\d+\/login#\S+/.exec(server.stderr())![0]);

  const visitor = new Visitor(link.origin);
  const redeem = () =>
    visitor.go('/v1/login', {
      method: 'POST',
      // Uses a new connection each time: the supervisor gives them to its workers in turn.
      headers: { 'content-type': 'application/json', origin: link.origin, connection: 'close' },
      body: JSON.stringify({ secret: link.hash.slice(1) }),
    });
  expect((await redeem()).status).toBe(200);
  const cookie = visitor.jar().get('confidant_session')!;
  const token = visitor.jar().get('XSRF-TOKEN')!;
  await untilBothServe(server, link.origin, cookie);
  expect((await visitor.post('/v1/logout', { xsrf: token })).status).toBe(303);
  expect(await statusesOf(link.origin, cookie)).toEqual(new Set([401]));
  for (let i = 0; i < 6; i++) expect((await redeem()).status).toBe(401);

  await stop();
  server = await start();
  expect(await statusesOf(server.url, cookie)).toEqual(new Set([401]));
});

test('several workers without the embedded default share the knowledge of a logout', async () => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const [kms, dynamo, provider] = await Promise.all([
    startKmsStandIn(),
    startDynamoDb(),
    startOpenIdProvider([`${origin}/v1/login`]),
  ]);
  onTestFinished(async () => {
    await Promise.all([kms.stop(), dynamo.stop(), provider.close()]);
  });
  const server = await run({
    PORT: String(port),
    WEB_CONCURRENCY: '2',
    DYNAMODB_TABLE: 'confidant-workers',
    DYNAMODB_CREATE_TABLE: 'true',
    DYNAMODB_URL: dynamo.endpoint,
    KMS_URL: kms.url,
    KMS_MASTER_KEY: 'alias/confidant-master',
    AUTH_KEY: 'alias/authnz-service',
    AUTH_CONTEXT: 'confidant-production',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_EC2_METADATA_DISABLED: 'true',
    BACKGROUND_CACHE_IAM_ROLES: 'false',
    STATSD_PORT: '0',
    PYNAMO_REQUEST_TIMEOUT_SECONDS: '20',
    SSLIFY: 'false',
    SESSION_SECRET: SECRET,
    USER_AUTH_MODULE: 'oidc',
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: CLIENT_ID,
    OIDC_CLIENT_SECRET: CLIENT_SECRET,
  });
  onTestFinished(async () => {
    server.process.kill('SIGTERM');
    await server.exited;
  });
  const visitor = new Visitor(origin);
  const form = await visitor.follow('/v1/login');
  const done = await visitor.post(form.url, { account: 'alice' });
  await visitor.follow(new URL(done.location!, done.url).href);
  const cookie = visitor.jar().get('confidant_session')!;
  await untilBothServe(server, origin, cookie);
  expect((await visitor.post('/v1/logout', { xsrf: visitor.jar().get('XSRF-TOKEN')! })).status).toBe(303);
  // The other workers learn of it a moment later.
  await expect.poll(() => statusesOf(origin, cookie)).toEqual(new Set([401]));

  // A worker that replaces a dead one knows of it before it serves.
  process.kill(Number([...pidsOf(server)][0]), 'SIGKILL');
  const seen = new Set<number>();
  for (const end = Date.now() + 120_000; Date.now() < end && pidsOf(server).size < 3;) {
    for (const answer of await Promise.allSettled(askAll(origin, cookie))) {
      if (answer.status === 'fulfilled') seen.add(answer.value.status);
    }
  }
  expect(pidsOf(server).size).toBe(3);
  expect(seen).toEqual(new Set([401]));
});
