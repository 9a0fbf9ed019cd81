import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { originalServer, pythonClient, ROOT } from './installs.mjs';
import { cleanEnvironment, run, tail, temporaryFolder } from './processes.mjs';
import { check } from './report.mjs';
import {
  AWS,
  callers,
  kmsOf,
  originalAdmin,
  ourAdmin,
  sharedSettings,
  startTables,
  startMoto,
  startOurs,
} from './servers.mjs';

const ROLES = ['web-production', 'api-production', 'deployer'];
const KEYS = {
  user: 'alias/peers-user',
  service: 'alias/peers-service',
  // Tokens of this kind have the user type `sandbox`, and are refused because of it.
  sandbox: 'alias/peers-sandbox',
};
const ORIGINAL = '7.0.0';

/** Runs our server as in production, with moto as AWS: an independent implementation of KMS, IAM and STS. */
export async function productionOnMoto() {
  const [dynamo, aws] = [await startTables(), await startMoto(ROLES)];
  const settings = { ...sharedSettings(aws, dynamo, 'production'), DYNAMODB_CREATE_TABLE: 'true' };
  const server = await startOurs(settings);
  const kms = kmsOf(aws);
  const call = callers(kms, KEYS, settings.AUTH_CONTEXT);
  const ok = async (as, method, path, body) => {
    const answer = await call(server, as, method, path, body);
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  };

  const id = await check('a person creates, updates and maps a credential, and the service fetches it', async () => {
    const made = await ok('user:alice', 'POST', '/v1/credentials', { name: 'Database', credential_pairs: { a: 'ü' } });
    await ok('user:alice', 'PUT', `/v1/credentials/${made.id}`, { credential_pairs: { a: 'ü2', b: '2' } });
    await ok('user:alice', 'PUT', '/v1/services/web-production', { credentials: [made.id] });
    const service = await ok('service:web-production', 'GET', '/v1/services/web-production');
    assert.deepEqual(service.credentials[0].credential_pairs, { a: 'ü2', b: '2' });
    return made.id;
  });
  await check('another service, and a user type without keys, are refused', async () => {
    const answers = await Promise.all([
      call(server, 'service:api-production', 'GET', '/v1/services/web-production'),
      call(server, 'service:api-production', 'GET', `/v1/credentials/${id}`),
      call(server, 'sandbox:web-production', 'GET', '/v1/services/web-production'),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [403, 403, 403],
    );
  });
  await check('all IAM roles are listed', async () => {
    const { roles } = await ok('user:alice', 'GET', '/v1/roles');
    assert.deepEqual([...roles].sort(), [...ROLES].sort());
  });
  await check('KMS grants are created with the service, are reported, and are created only once', async () => {
    const { keyArn } = await kms.describeKey(KEYS.service);
    const { grants } = await ok('user:alice', 'PUT', '/v1/grants/web-production');
    assert.deepEqual(grants, { encrypt_grant: true, decrypt_grant: true });
    assert.equal((await kms.listGrants(keyArn)).length, 2);
    const managed = await ourAdmin(settings, ['manage_kms_auth_grants']);
    assert.equal(managed.code, 0, tail(managed.stderr));
    assert.equal((await kms.listGrants(keyArn)).length, 2);
  });
  await check('stored pairs are decrypted after a restart, with a cold cache', async () => {
    const second = await startOurs(settings);
    const answer = await call(second, 'user:alice', 'GET', `/v1/credentials/${id}`);
    assert.deepEqual([answer.status, answer.json.credential_pairs], [200, { a: 'ü2', b: '2' }]);
    await second.stop();
  });

  const folder = temporaryFolder('production');
  const config = join(folder, 'client.json');
  const profile = {
    url: server.url,
    auth_key: KEYS.service,
    region: AWS.AWS_DEFAULT_REGION,
    auth_context: { from: 'web-production', to: settings.AUTH_CONTEXT, user_type: 'service' },
    token_cache_file: '',
    retries: 1,
    timeout: 60,
  };
  writeFileSync(config, JSON.stringify({ default: profile }));
  const env = cleanEnvironment({ ...AWS, AWS_ENDPOINT_URL: aws.url });
  await check('both command lines assume a role through STS and print the same service', async () => {
    const bin = await pythonClient();
    const programs = [
      [join(bin, 'confidant'), []],
      [process.execPath, [join(ROOT, 'packages/client/bin/confidant.js')]],
    ];
    const outputs = [];
    for (const [command, first] of programs) {
      const role = ['--config-files', config, '--assume-role', 'deployer'];
      const end = await run(command, [...first, ...role, 'get_service', '--service', 'web-production'], { env });
      assert.equal(end.code, 0, tail(end.stderr));
      outputs.push(end.stdout);
    }
    assert.equal(outputs[1], outputs[0]);
  });

  await secretsBootstrap(settings, folder);
  await check('the server logged no error', () => {
    assert.doesNotMatch(server.output(), /"level":"(?:error|fatal)"/, tail(server.output()));
    return Promise.resolve();
  });
  kms.close();
  await server.stop();
  await Promise.all([dynamo.stop(), aws.stop()]);
}

/** Each program decrypts the SECRETS_BOOTSTRAP that the other made. */
async function secretsBootstrap(settings, folder) {
  const secrets = join(folder, 'secrets.yaml');
  const { SESSION_SECRET: _, ...others } = settings;
  writeFileSync(secrets, 'SESSION_SECRET: "sécret: of the blob"\nGRAPHITE_PASSWORD: graph\n');
  await originalServer();
  const programs = {
    ours: (env, args) => ourAdmin(env, args),
    original: (env, args) => originalAdmin(ORIGINAL, env, args),
  };
  for (const [writer, reader] of [
    ['ours', 'original'],
    ['original', 'ours'],
  ]) {
    await check(`a SECRETS_BOOTSTRAP made by ${writer} is decrypted by ${reader}`, async () => {
      const blob = join(folder, `${writer}.blob`);
      const made = await programs[writer](others, ['generate_secrets_bootstrap', '--in', secrets, '--out', blob]);
      assert.equal(made.code, 0, tail(made.stdout + made.stderr));
      const shown = join(folder, `${writer}.shown`);
      const given = { ...others, SECRETS_BOOTSTRAP: `file://${blob}` };
      const read = await programs[reader](given, ['decrypt_secrets_bootstrap', '--out', shown]);
      assert.equal(read.code, 0, tail(read.stdout + read.stderr));
      const text = readFileSync(shown, 'utf8');
      assert.match(text, /s(?:é|\\xE9)cret: of the blob/);
      assert.match(text, /GRAPHITE_PASSWORD: graph/);
    });
  }
}
