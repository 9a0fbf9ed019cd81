import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pythonClient, ROOT } from './installs.mjs';
import { cleanEnvironment, run, tail, temporaryFolder } from './processes.mjs';
import { check } from './report.mjs';
import { callers, kmsauth, kmsOf, parseJson, startEmbedded } from './servers.mjs';

const SERVICE = 'demo-app';
const BLIND_KEYS = JSON.stringify({ 'us-east-1': 'alias/blind', 'us-west-2': 'alias/blind' });
const CONTEXT = JSON.stringify({ group: 'web' });
const AWKWARD = { quoted: 'it\'s "q" $x `y` \\', lines: 'a\nb', umlaut: 'pä$$ \u2028 🔑', empty: '' };

/** Runs the original's Python client and `kmsauth`, as they are on PyPI, against our embedded default. */
export async function pythonClientAgainstOurServer() {
  const bin = await pythonClient();
  const python = (request, env) => callPython(bin, request, env);
  const { ca, jwt } = await python({ call: 'make_keys' }, cleanEnvironment());
  const server = await startEmbedded({
    CA_TYPE: 'custom',
    CUSTOM_CA_ENCRYPTED: 'false',
    CUSTOM_CA_DOMAIN_REGEX: String.raw`(?P<service_name>[\w-]+)\.example\.com`,
    CUSTOM_CERTIFICATE_AUTHORITIES: base64({ peers: [{ kid: 'ca-1', ...ca, rootcrt: null, passphrase: null }] }),
    CUSTOM_CA_ACTIVE_KEYS: '{"peers":"ca-1"}',
    JWT_IS_CA_ENCRYPTED: 'false',
    JWT_CERTIFICATE_AUTHORITIES: base64({ staging: [{ kid: 'jwt-1', ...jwt, rootcrt: null, passphrase: null }] }),
    JWT_ACTIVE_SIGNING_KEYS: '{"staging":"jwt-1"}',
  });
  const folder = temporaryFolder('client');
  // The server's file sets neither retries nor timeout. By default the Python command line retries forever and waits only
  // 5 s for a response.
  const config = join(folder, 'client.yaml');
  writeFileSync(
    config,
    readFileSync(server.config, 'utf8').replaceAll(/^( +)url:/gm, '$1retries: 1\n$1timeout: 60\n$1url:'),
  );

  const programs = {
    python: (program) => [join(bin, program), []],
    ours: (program) => [process.execPath, [join(ROOT, `packages/client/bin/${program}.js`)]],
  };
  const cli = async (which, args, { profile = 'default', region } = {}) => {
    const [command, first] = programs[which]('confidant');
    const options = ['--config-files', config, '--profile', profile, ...(region ? ['--region', region] : [])];
    const end = await run(command, [...first, ...options, ...args], { env: server.env });
    return { ...end, json: end.stdout.startsWith('{') ? parseJson(end.stdout) : undefined };
  };
  /** Runs the Python command, which must succeed. */
  const succeeds = async (args, options) => {
    const end = await cli('python', args, options);
    assert.equal(end.code, 0, `exit ${end.code}\n${end.stdout}\n${tail(end.stderr)}`);
    return end.json ?? end.stdout;
  };
  /** Runs both command lines, which must print the same and end with the same exit code. */
  const alike = async (args, options) => {
    const theirs = await cli('python', args, options);
    const mine = await cli('ours', args, options);
    assert.equal(mine.code, theirs.code, `exit codes\n${mine.stderr}\n${theirs.stderr}`);
    assert.equal(mine.stdout, theirs.stdout);
    return theirs;
  };
  const library = (method, args, profile = 'default') =>
    python({ call: 'client', config, profile, method, args }, server.env);
  const keys = { user: 'alias/confidant-user', service: 'alias/confidant-service' };
  const call = callers(kmsOf(server.kms), keys, 'confidant');
  const api = async (method, path, body) => {
    const answer = await call(server, 'user:alice', method, path, body);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };

  const database = await api('POST', '/v1/credentials', { name: 'Database', credential_pairs: AWKWARD });
  const cache = await api('POST', '/v1/credentials', {
    name: 'Cache',
    credential_pairs: { url: 'redis://x' },
    metadata: { env_var_prefix: 'PFX_' },
  });
  await api('PUT', `/v1/services/${SERVICE}`, { enabled: true, credentials: [database.id], blind_credentials: [] });

  await check('Python add_creds and remove_creds change what is mapped', async () => {
    await succeeds(['add_creds', '--service-id', SERVICE, '--cred-ids', cache.id]);
    assert.equal((await api('GET', `/v1/services/${SERVICE}`)).credentials.length, 2);
    await succeeds(['remove_creds', '--service-id', SERVICE, '--cred-ids', cache.id]);
    assert.equal((await api('GET', `/v1/services/${SERVICE}`)).credentials.length, 1);
    await succeeds(['add_creds', '--service-id', SERVICE, '--cred-ids', cache.id]);
  });
  await check('add_creds with nothing to do: both end alike', () => alike(['add_creds', '--service-id', SERVICE]));

  const created = await check('Python create_blind_credential works with one context for all regions', async () => {
    const pairs = JSON.stringify({ blind_key: 'blind välue' });
    const args = ['--blind-keys', BLIND_KEYS, '--group-context', CONTEXT, '--name', 'Python blind'];
    const { blind_credential: it } = await succeeds(['create_blind_credential', ...args, '--credential-pairs', pairs]);
    assert.deepEqual(it.credential_keys, ['blind_key']);
    return it;
  });
  await check(
    'Python create_blind_credential works with a context per region, without stored keys, disabled',
    async () => {
      const contexts = JSON.stringify({ 'us-east-1': { to: 'e' }, 'us-west-2': { to: 'w' } });
      const args = ['--blind-keys', BLIND_KEYS, '--blind-contexts', contexts, '--name', 'Python hidden'];
      const more = ['--credential-pairs', '{"a":"b"}', '--no-store-keys', '--disabled'];
      const { blind_credential: it } = await succeeds(['create_blind_credential', ...args, ...more]);
      assert.deepEqual([it.credential_keys, it.enabled], [[], false]);
    },
  );
  await check('our command line decrypts a blind credential of Python', async () => {
    const { json } = await cli('ours', ['get_blind_credential', '--id', created.id, '--decrypt-blind']);
    assert.deepEqual(json.blind_credential.decrypted_credential_pairs, { blind_key: 'blind välue' });
  });
  for (const region of ['us-east-1', 'us-west-2']) {
    await check(`our SDK decrypts a blind credential of Python in ${region}`, async () => {
      const { blind_credential: it } = await library('get_blind_credential', { id: created.id });
      const opened = await openBlind(server, it, region);
      assert.deepEqual(opened, { blind_key: 'blind välue' });
    });
  }
  const mine = await check('Python decrypts a blind credential of our command line in both regions', async () => {
    const args = ['--blind-keys', BLIND_KEYS, '--group-context', CONTEXT, '--name', 'Our blind'];
    const pairs = { other_key: AWKWARD.umlaut, another: AWKWARD.quoted };
    const more = ['--credential-pairs', JSON.stringify(pairs)];
    const end = await cli('ours', ['create_blind_credential', ...args, ...more]);
    assert.equal(end.code, 0, end.stderr);
    const { id } = end.json.blind_credential;
    for (const file of inEachRegion(folder, config)) {
      const read = { call: 'client', config: file, profile: 'default', method: 'get_blind_credential' };
      const answer = await python({ ...read, args: { id, decrypt_blind: true } }, server.env);
      assert.deepEqual(answer.blind_credential?.decrypted_credential_pairs, pairs);
    }
    return end.json.blind_credential;
  });
  await check('Python update_blind_credential changes name, metadata and pairs, and keeps the context', async () => {
    const update = (...args) => succeeds(['update_blind_credential', '--id', created.id, ...args]);
    const named = await update('--name', 'Python renamed', '--documentation', 'new');
    assert.deepEqual([named.blind_credential.name, named.blind_credential.revision], ['Python renamed', 2]);
    const { metadata } = (await update('--metadata', '{"x":"y"}')).blind_credential;
    assert.deepEqual([metadata.x, Object.keys(metadata.context)], ['y', ['us-east-1', 'us-west-2']]);
    await update('--blind-keys', BLIND_KEYS, '--credential-pairs', '{"blind_key":"second"}');
    const read = await alike(['get_blind_credential', '--id', created.id, '--decrypt-blind']);
    assert.deepEqual(read.json.blind_credential.decrypted_credential_pairs, { blind_key: 'second' });
  });
  await check('Python decrypts our update of a blind credential of Python', async () => {
    const args = ['update_blind_credential', '--id', created.id, '--blind-keys', BLIND_KEYS];
    const end = await cli('ours', [...args, '--credential-pairs', '{"blind_key":"third"}']);
    assert.equal(end.code, 0, end.stderr);
    const read = await alike(['get_blind_credential', '--id', created.id, '--decrypt-blind']);
    assert.deepEqual(read.json.blind_credential.decrypted_credential_pairs, { blind_key: 'third' });
  });
  await check('Python revert_blind_credential restores an old revision', async () => {
    const { blind_credential: it } = await succeeds(['revert_blind_credential', '--id', created.id, '--revision', '1']);
    assert.deepEqual([it.name, it.revision], ['Python blind', 6]);
    const read = await alike(['get_blind_credential', '--id', created.id, '--decrypt-blind']);
    assert.deepEqual(read.json.blind_credential.decrypted_credential_pairs, { blind_key: 'blind välue' });
  });
  await check('list_blind_credentials: both command lines print the same', async () => {
    const { json } = await alike(['list_blind_credentials']);
    assert.equal(json.blind_credentials.length, 3);
  });
  await check('get_blind_credential for one that does not exist: both end alike', () =>
    alike(['get_blind_credential', '--id', 'nope']),
  );
  await check('Python add_creds maps a blind credential', () =>
    succeeds(['add_creds', '--service-id', SERVICE, '--blind-cred-ids', created.id, mine.id]),
  );

  const service = await check('get_service as the service itself: both command lines print the same', async () => {
    const { json, stdout } = await alike(['get_service', '--service', SERVICE], { profile: 'demo' });
    const [byName] = json.service.credentials.filter(({ name }) => name === 'Database');
    assert.deepEqual(byName.credential_pairs, AWKWARD);
    const blind = json.service.blind_credentials.map((it) => it.decrypted_credential_pairs);
    assert.ok(blind.some((pairs) => pairs.blind_key === 'blind välue'));
    return stdout;
  });
  await check('get_service --no-decrypt-blind leaves blind credentials encrypted, for a person', async () => {
    const { json } = await alike(['get_service', '--service', SERVICE, '--no-decrypt-blind']);
    assert.ok(json.service.blind_credentials.every((it) => it.decrypted_credential_pairs === undefined));
  });
  await check('get_service for a service that does not exist, and for another service: both end alike', async () => {
    assert.equal((await alike(['get_service', '--service', 'nope'])).code, 0);
    await api('PUT', '/v1/services/other', { credentials: [database.id], blind_credentials: [] });
    const denied = await alikeButReference(cli, ['get_service', '--service', 'other'], { profile: 'demo' });
    assert.equal(denied.code, 1);
  });
  await check('env: both give the command the same variables', async () => {
    const shown = ['--', 'sh', '-c', 'env | grep -E "^(CREDENTIALS|P)_" | sort'];
    const { stdout } = await alike(['env', '--service', SERVICE, ...shown], { profile: 'demo' });
    assert.match(stdout, /^CREDENTIALS_UMLAUT=pä\$\$ /m);
    await alike(['env', '--service', SERVICE, '--prefix', 'P_', ...shown], { profile: 'demo' });
    assert.equal((await alike(['env', '--service', SERVICE, '--', 'sh', '-c', 'exit 7'])).code, 7);
    assert.equal((await cli('python', ['env', '--service', 'nope', '--', 'true'])).code, 255);
  });
  for (const format of ['env_export', 'credential_combined']) {
    await check(`confidant-format ${format}: both programs print the same`, async () => {
      const [theirs, ours] = await Promise.all(
        ['python', 'ours'].map((which) => {
          const [command, first] = programs[which]('confidant-format');
          return run(command, [...first, '--out-format', format], { stdin: service, env: server.env });
        }),
      );
      assert.equal(theirs.code, 0, theirs.stderr);
      assert.equal(ours.stdout, theirs.stdout);
    });
  }

  await check('Python revert_credential restores old pairs', async () => {
    await api('PUT', `/v1/credentials/${cache.id}`, { credential_pairs: { url: 'redis://y' } });
    const { credential } = await succeeds(['revert_credential', '--id', cache.id, '--revision', '1']);
    assert.equal(credential.revision, 3);
    assert.deepEqual((await api('GET', `/v1/credentials/${cache.id}`)).credential_pairs, { url: 'redis://x' });
  });
  await check('Python revert_service restores the old mapping', async () => {
    const { service: it } = await succeeds(['revert_service', '--id', SERVICE, '--revision', '1']);
    assert.deepEqual(
      it.credentials.map(({ id }) => id),
      [database.id],
    );
  });
  await check('get_certificate: an independent library verifies that the CA signed the certificate', async () => {
    const args = ['get_certificate', '--ca', 'peers', '--cn', `${SERVICE}.example.com`];
    const { certificate } = await succeeds(args, { profile: 'demo' });
    const issued = { certificate: certificate.certificate, key: certificate.key, ca: ca.crt };
    assert.equal(await python({ call: 'verify_certificate', ...issued }, server.env), `${SERVICE}.example.com`);
  });
  await check('get_ca and list_cas: both command lines print the same', async () => {
    const { json } = await alike(['get_ca', '--ca', 'peers'], { profile: 'demo' });
    assert.equal(json.ca.certificate.trim(), ca.crt.trim());
    await alike(['list_cas'], { profile: 'demo' });
  });
  await check('get_jwt and get_jwks: an independent library verifies the token', async () => {
    const { keys } = (await alike(['get_jwks', '--environment', 'staging'])).json;
    for (const expiry of [[], ['--expiry', '60']]) {
      const { token } = await succeeds(['get_jwt', '--environment', 'staging', ...expiry]);
      const claims = await python({ call: 'verify_jwt', token, keys }, server.env);
      assert.equal(claims.exp - claims.iat, expiry.length > 0 ? 60 : 3600);
    }
  });

  await check('library: get_credential reads with values and without', async () => {
    const full = await library('get_credential', { id: database.id });
    assert.deepEqual([full.result, full.credential.credential_pairs], [true, AWKWARD]);
    const bare = await library('get_credential', { id: database.id, metadata_only: true });
    assert.deepEqual([bare.result, bare.credential.credential_pairs], [true, {}]);
    assert.equal((await library('get_credential', { id: 'nope' })).result, false);
  });
  await check('library: update_credential works with new pairs and without', async () => {
    const args = { id: database.id, name: 'Database', metadata: { a: 'b' }, documentation: 'd', enabled: true };
    const first = await library('update_credential', args);
    assert.deepEqual([first.result, first.credential.metadata], [true, { a: 'b' }]);
    assert.deepEqual((await api('GET', `/v1/credentials/${database.id}`)).credential_pairs, AWKWARD);
    const pairs = { fresh: 'value ü' };
    await library('update_credential', { id: database.id, credential_pairs: pairs });
    assert.deepEqual((await api('GET', `/v1/credentials/${database.id}`)).credential_pairs, pairs);
  });
  await check(
    'library: get_credential_services lists services, and get_service(metadata_only) shows no values',
    async () => {
      const { data } = await library('get_credential_services', { id: database.id });
      assert.deepEqual(data.services.map(({ id }) => id).sort(), [SERVICE, 'other'].sort());
      const { service: it } = await library('get_service', { service: SERVICE, metadata_only: true });
      assert.deepEqual(it.credentials[0].credential_pairs, {});
    },
  );

  await tokensOfEitherKind(server, python);
  await server.stop();
}

/** Python's `kmsauth` and ours verify each other's tokens. */
async function tokensOfEitherKind(server, python) {
  const kms = kmsOf(server.kms);
  const keys = { service: 'alias/confidant-service', user: 'alias/confidant-user' };
  const validator = new kmsauth.TokenValidator({
    kms,
    to: 'confidant',
    serviceKeys: new Map([[keys.service, null]]),
    userKeys: [keys.user],
    userTypes: ['service', 'user'],
    minimumVersion: 1,
    maximumVersion: 2,
    maxLifetimeMinutes: 60,
    cacheSize: 0,
  });
  const kinds = [
    { name: 'version 1, service', version: 1, userType: 'service', from: SERVICE },
    { name: 'version 2, service', version: 2, userType: 'service', from: SERVICE },
    { name: 'version 2, user', version: 2, userType: 'user', from: 'alice' },
  ];
  const pythonToken = ({ version, userType, from }, more = {}) => {
    const context = { from, to: 'confidant', ...(version === 2 && { user_type: userType }) };
    const request = { call: 'token', auth_key: keys[userType], auth_context: context, version, ...more };
    return python(request, server.env);
  };
  const judge = (username, token, to = 'confidant') =>
    python({ call: 'validate', username, token, to, auth_key: [keys.service], user_auth_key: [keys.user] }, server.env);
  const ourToken = ({ version, userType, from }, more = {}) =>
    new kmsauth.TokenGenerator({
      kms,
      authKey: keys[userType],
      from,
      to: 'confidant',
      userType,
      version,
      lifetimeMinutes: 10,
      ...more,
    }).token();

  for (const kind of kinds) {
    await check(`kmsauth: a token of Python passes our validator (${kind.name})`, async () => {
      const { username, token } = await pythonToken(kind);
      const verified = await validator.validate(username, token);
      assert.deepEqual([verified.from, verified.userType, verified.version], [kind.from, kind.userType, kind.version]);
    });
    await check(`kmsauth: a token of ours passes Python's validator (${kind.name})`, async () => {
      const { username, token } = await ourToken(kind);
      const verdict = await judge(username, token);
      assert.deepEqual(verdict, { valid: true, key_alias: keys[kind.userType] });
    });
  }
  await check(
    'kmsauth: both refuse a token of another sender; Python refuses one for another receiver, ours an expired one',
    async () => {
      const [, service] = kinds;
      const { username, token } = await pythonToken(service);
      await assert.rejects(validator.validate(username.replace(SERVICE, 'other'), token), { name: 'TokenRejected' });
      const old = await pythonToken(service, { lifetime: 1 });
      await assert.rejects(validator.validate(old.username, old.token), { reason: 'expired' });
      const mine = await ourToken(service);
      assert.equal((await judge(mine.username.replace(SERVICE, 'other'), mine.token)).valid, false);
      assert.equal((await judge(mine.username, mine.token, 'elsewhere')).valid, false);
    },
  );
  await check('kmsauth: Python uses our token cache file', async () => {
    const cacheFile = join(temporaryFolder('tokens'), 'token');
    const { token } = await ourToken(kinds[1], { cacheFile });
    assert.equal((await pythonToken(kinds[1], { cache_file: cacheFile })).token, token);
  });
  await check('kmsauth: ours replaces a cache file that does not name the key of its token', async () => {
    const cacheFile = join(temporaryFolder('tokens'), 'token');
    const { token } = await pythonToken(kinds[1], { cache_file: cacheFile });
    const mine = await ourToken(kinds[1], { cacheFile });
    assert.notEqual(mine.token, token);
    assert.equal((await pythonToken(kinds[1], { cache_file: cacheFile })).token, mine.token);
  });
  await check('a Python service without the client reads its secrets with a token of kmsauth', async () => {
    const { username, token } = await pythonToken(kinds[0]);
    const url = `${server.url}/v1/services/${SERVICE}`;
    const { status, body } = await python({ call: 'basic_get', url, username, token }, server.env);
    assert.deepEqual([status, body.id], [200, SERVICE]);
  });
  kms.close();
}

async function callPython(bin, request, env) {
  const script = join(import.meta.dirname, 'python/client.py');
  const end = await run(join(bin, 'python'), [script], { stdin: JSON.stringify(request), env });
  if (end.code !== 0) throw new Error(`python: ${tail(end.stderr)}`);
  return parseJson(end.stdout);
}

/** Decrypts a blind credential with one region's key. */
async function openBlind(server, { credential_pairs, data_key, metadata }, region) {
  const kms = kmsOf({ ...server.kms, region });
  try {
    return await kmsauth.decryptBlind({
      credential_pairs,
      data_key,
      contexts: metadata.context,
      region,
      kmsFor: () => kms,
    });
  } finally {
    kms.close();
  }
}

/**
 * Writes one configuration per region. They share a token file, because the server knows only the first region's auth keys,
 * and the original's client asks the KMS of its own region for a token unless the file has one.
 */
function inEachRegion(folder, config) {
  const text = readFileSync(config, 'utf8').replaceAll(
    /token_cache_file: .*/g,
    `token_cache_file: ${join(folder, 'token')}`,
  );
  return ['us-east-1', 'us-west-2'].map((region) => {
    const path = join(folder, `client-${region}.yaml`);
    writeFileSync(path, text.replaceAll('us-east-1', region));
    return path;
  });
}

async function alikeButReference(cli, args, options) {
  const [theirs, ours] = [await cli('python', args, options), await cli('ours', args, options)];
  assert.deepEqual({ ...ours.json, reference: '' }, { ...theirs.json, reference: '' });
  assert.equal(ours.code, theirs.code);
  return theirs;
}

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64');
