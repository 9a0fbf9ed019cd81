import assert from 'node:assert/strict';
import { tail } from './processes.mjs';
import { check } from './report.mjs';
import {
  callers,
  kmsOf,
  originalAdmin,
  originalRows,
  ourAdmin,
  sharedSettings,
  startTables,
  startMoto,
  startOriginal,
  startOurs,
} from './servers.mjs';

const ROLES = ['web-production', 'api-production', 'worker-production', 'clock-production'];
const KEYS = { user: 'alias/peers-user', service: 'alias/peers-service' };
/** Pairs that JavaScript would change. They must come back exactly as written. */
const AWKWARD_PAIRS =
  '{"big":123456789012345678901234567890,"negative":-9007199254740993,"float":0.1,"whole":1.0,"tiny":5e-324,' +
  '"none":null,"yes":true,"text":"pä$$ \\"q\\" \\u2028 🔑\\nend","empty":""}';
const BLIND = {
  credential_pairs: { 'us-east-1': 'gAAAAA-east', 'us-west-2': 'gAAAAA-west' },
  data_key: { 'us-east-1': 'ZGsx', 'us-west-2': 'ZGsy' },
  credential_keys: ['blind_b', 'blind_a'],
  cipher_type: 'fernet',
  cipher_version: 2,
  metadata: { context: { 'us-east-1': { to: 'ü' }, 'us-west-2': { to: 'w' } }, more: [1, 2.5, null] },
  documentation: 'blind',
};
const WITHOUT_ITS_CAS =
  "PyPI's 7.0.0 lacks its package confidant.services.certificate_authority and cannot start alone";
const STORM_WRITES = 12;

/** Runs the original server and ours on one table: each reads what the other writes. */
export async function originalBesideOurs() {
  const dynamo = await startTables();
  const aws = await startMoto(ROLES);
  console.log(`  (${WITHOUT_ITS_CAS}; here empty modules stand in for it)`);
  await onOneTable('7.0.0', dynamo, aws);
  await outsideUtc('6.6.1', dynamo, aws);
  await Promise.all([dynamo.stop(), aws.stop()]);
}

async function onOneTable(version, dynamo, aws) {
  const settings = sharedSettings(aws, dynamo, 'beside');
  const made = await originalAdmin(version, settings, ['create_dynamodb_tables']);
  assert.equal(made.code, 0, `the original makes no tables: ${tail(made.stderr)}`);
  const [ours, theirs] = await Promise.all([startOurs(settings), startOriginal(version, settings)]);
  const requests = requestsTo(aws, settings);
  const { ok, same } = requests;
  const pairs = [
    { writer: ours, reader: theirs, tag: 'ours' },
    { writer: theirs, reader: ours, tag: 'theirs' },
  ];

  for (const { writer, reader, tag } of pairs) {
    const title = (text) => `${writer.name} writes, ${reader.name} reads: ${text}`;
    const read = (path) => same([ours, theirs], path);

    const id = await check(title('a credential with awkward values'), async () => {
      const body = `{"name":"Awkward ${tag}","credential_pairs":${AWKWARD_PAIRS},"metadata":{"n":{"a":[1,2.5,null,"ü"]}},"documentation":"dök","enabled":true,"tags":["FINANCIALLY_SENSITIVE","custom"]}`;
      const { json } = await ok(writer, 'POST', '/v1/credentials', body);
      const [mine, original] = await read(`/v1/credentials/${json.id}`);
      const numbers = (body) => [...body.matchAll(/"(big|negative|tiny)": ?([^,}]+)/g)].map((it) => it.slice(1)).sort();
      assert.equal(numbers(mine.text).length, 3);
      assert.deepEqual(numbers(mine.text), numbers(original.text));
      assert.match(mine.text, /"big": ?123456789012345678901234567890\b/);
      return json.id;
    });
    await check(title('updates, a revert, the history and diffs'), async () => {
      await ok(writer, 'PUT', `/v1/credentials/${id}`, {
        name: `Renamed ${tag}`,
        credential_pairs: { one: 'ü', two: '2' },
      });
      const second = { name: `Renamed ${tag}`, credential_pairs: { one: 'ü', three: '3' }, enabled: false };
      await ok(reader, 'PUT', `/v1/credentials/${id}`, second);
      await ok(writer, 'PUT', `/v1/credentials/${id}/1`);
      for (const path of [
        `credentials/${id}`,
        `credentials/${id}/1/2`,
        `credentials/${id}/2/4`,
        `archive/credentials/${id}`,
      ]) {
        await read(`/v1/${path}`);
      }
      const [current] = await read(`/v1/credentials/${id}`);
      assert.equal(current.json.revision, 4);
      assert.match(current.text, /"big": ?123456789012345678901234567890\b/);
    });
    const blind = await check(title('a blind credential, its update, revert and history'), async () => {
      const { json } = await ok(writer, 'POST', '/v1/blind_credentials', { ...BLIND, name: `Blind ${tag}` });
      const path = `/v1/blind_credentials/${json.id}`;
      await read(path);
      await ok(reader, 'PUT', path, { ...BLIND, name: `Blind ${tag}`, credential_keys: [], enabled: false });
      await ok(writer, 'PUT', `${path}/1`);
      const [current] = await read(path);
      assert.deepEqual([current.json.revision, current.json.enabled], [3, true]);
      return json.id;
    });
    await check(title('a service with both kinds of credentials, its update, revert, history and diffs'), async () => {
      const service = tag === 'ours' ? 'web-production' : 'api-production';
      const path = `/v1/services/${service}`;
      await ok(writer, 'PUT', path, { credentials: [id], blind_credentials: [blind], enabled: true });
      const [first] = await read(path);
      assert.equal(first.json.credentials[0].id, id);
      await ok(reader, 'PUT', path, { credentials: [], blind_credentials: [blind], enabled: true, account: 'sandbox' });
      await ok(writer, 'PUT', `${path}/1`);
      for (const part of ['', '/1/2', '/2/3']) await read(`${path}${part}`);
      await read(`/v1/archive/services/${service}`);
      await read(`/v1/credentials/${id}/services`);
      await read(`/v1/blind_credentials/${blind}/services`);
      // As the service itself, both servers return the same values.
      const [mine, original] = await Promise.all(
        [ours, theirs].map((server) => ok(server, 'GET', path, undefined, `service:${service}`)),
      );
      assert.deepEqual(comparable(mine.json), comparable(original.json));
    });
    await check(title('both servers refuse to map two credentials with the same key'), async () => {
      const { json } = await ok(writer, 'POST', '/v1/credentials', {
        name: `Clash ${tag}`,
        credential_pairs: { one: 'x', big: '1' },
      });
      const service = tag === 'ours' ? 'web-production' : 'api-production';
      const body = { credentials: [id, json.id], blind_credentials: [], enabled: true };
      for (const server of [writer, reader]) {
        const refused = await requests.call(server, 'user:alice', 'PUT', `/v1/services/${service}`, body);
        assert.equal(refused.status, 400, `${server.name}: ${refused.text}`);
      }
    });
    await check(title('a name that is already taken is refused'), async () => {
      const body = { name: `Clash ${tag}`, credential_pairs: { a: 'b' } };
      const refused = await requests.call(reader, 'user:alice', 'POST', '/v1/credentials', body);
      assert.equal(refused.status, 409, refused.text);
    });
  }
  await check(
    "both servers list the same credentials, services and blind credentials, and accept each other's page tokens",
    async () => {
      for (const list of ['credentials', 'services', 'blind_credentials', 'archive/credentials', 'archive/services']) {
        await same([ours, theirs], `/v1/${list}`);
      }
      const [first] = await same([ours, theirs], '/v1/credentials?limit=2');
      await same([ours, theirs], `/v1/credentials?limit=2&page=${encodeURIComponent(first.json.next_page)}`);
    },
  );
  await check('each server sees the grants that the other creates for a service', async () => {
    for (const [role, maker] of [
      ['worker-production', ours],
      ['clock-production', theirs],
    ]) {
      await ok(maker, 'PUT', `/v1/services/${role}`, { credentials: [], blind_credentials: [] });
      const [seen] = await same([ours, theirs], `/v1/grants/${role}`);
      assert.deepEqual(seen.json.grants, { encrypt_grant: true, decrypt_grant: true });
      await Promise.all([ours, theirs].map((server) => ok(server, 'PUT', `/v1/grants/${role}`)));
    }
    const kms = kmsOf(aws);
    const { keyArn } = await kms.describeKey(KEYS.service);
    // Neither created a grant again that the other had created.
    assert.equal((await kms.listGrants(keyArn)).length, 2 * ROLES.length);
    kms.close();
  });

  await storm({ ours, theirs }, requests);
  await archiving(version, { ours, theirs }, requests, settings);
  await check("the original's own models read and decrypt every row that either server wrote", async () => {
    const rows = await originalRows(version, settings);
    const { credentials, services, blind } = rows;
    assert.ok(Object.keys(credentials).length > 2 * STORM_WRITES, 'too few credentials');
    assert.ok(Object.keys(services).length > 6 && Object.keys(blind).length > 6, 'too few services');
    for (const [id, row] of Object.entries({ ...credentials, ...services, ...blind })) {
      if (!row.data_type.startsWith('archive-')) continue;
      assert.ok(id.endsWith(`-${row.revision}`), `${id} holds revision ${row.revision}`);
    }
  });
  await check('our server logged no error', () => {
    assert.doesNotMatch(ours.output(), /"level":"(?:error|fatal)"/, tail(ours.output()));
    return Promise.resolve();
  });
  await Promise.all([ours.stop(), theirs.stop()]);
}

/** Both servers write at the same time. */
async function storm({ ours, theirs }, { call, ok, same }) {
  await check('if both servers create credentials at the same time, all of them exist', async () => {
    const made = await Promise.all(
      Array.from({ length: STORM_WRITES }, (_, i) => {
        const body = { name: `Storm ${i}`, credential_pairs: { [`storm_${i}`]: `v${i}` } };
        return ok(i % 2 === 0 ? ours : theirs, 'POST', '/v1/credentials', body);
      }),
    );
    const [list] = await same([ours, theirs], '/v1/credentials');
    const ids = new Set(list.json.credentials.map(({ id }) => id));
    assert.ok(made.every(({ json }) => ids.has(json.id)));
  });
  await check(
    'if both servers write one credential at the same time, every revision of it can be read by both',
    async () => {
      const { json } = await ok(ours, 'POST', '/v1/credentials', {
        name: 'Contended',
        credential_pairs: { v: 'start' },
      });
      const path = `/v1/credentials/${json.id}`;
      const answers = await Promise.all(
        Array.from({ length: STORM_WRITES }, (_, i) =>
          call(i % 2 === 0 ? ours : theirs, 'user:alice', 'PUT', path, {
            name: 'Contended',
            credential_pairs: { v: `write ${i}` },
          }),
        ),
      );
      const fromOurs = answers.filter((_, i) => i % 2 === 0);
      assert.ok(
        fromOurs.every(({ status }) => status === 200 || status === 409),
        fromOurs.map(({ status }) => status).join(),
      );
      const [current] = await same([ours, theirs], path);
      assert.match(current.json.credential_pairs.v, /^write \d+$/);
      const last = await ok(ours, 'PUT', path, { credential_pairs: { v: 'end' } });
      const [after] = await same([ours, theirs], path);
      assert.deepEqual([after.json.revision, after.json.credential_pairs], [last.json.revision, { v: 'end' }]);
      const [history] = await same([ours, theirs], `/v1/archive/credentials/${json.id}`);
      const revisions = history.json.revisions ?? history.json.credentials;
      assert.ok(revisions.length > 1);
    },
  );
  await check(
    'beside the original, concurrent writers of ours lose nothing: each accepted write has its own revision',
    async () => {
      const { json } = await ok(theirs, 'POST', '/v1/credentials', {
        name: 'Ours alone',
        credential_pairs: { v: 'start' },
      });
      const path = `/v1/credentials/${json.id}`;
      const answers = await Promise.all(
        Array.from({ length: STORM_WRITES }, (_, i) =>
          call(ours, 'user:alice', 'PUT', path, { credential_pairs: { v: `write ${i}` } }),
        ),
      );
      const accepted = answers.filter(({ status }) => status === 200).map(({ json: it }) => it.revision);
      assert.equal(new Set(accepted).size, accepted.length);
      assert.ok(accepted.length > 0 && answers.every(({ status }) => status === 200 || status === 409));
      const [current] = await same([ours, theirs], path);
      assert.equal(current.json.revision, Math.max(...accepted));
    },
  );
}

/** Each server archives credentials and the other restores them. */
async function archiving(version, { ours, theirs }, { call, ok }, settings) {
  const gone = async (id) => {
    for (const server of [ours, theirs]) {
      assert.equal((await call(server, 'user:alice', 'GET', `/v1/credentials/${id}`)).status, 404, server.name);
      const { json } = await ok(server, 'GET', '/v1/credentials');
      assert.ok(!json.credentials.some((it) => it.id === id), `${server.name} still lists it`);
    }
  };
  const create = async (name) => {
    const { json } = await ok(theirs, 'POST', '/v1/credentials', { name, credential_pairs: { kept: 'välue' } });
    await ok(ours, 'PUT', `/v1/credentials/${json.id}`, {
      documentation: 'old',
      enabled: false,
      credential_pairs: { kept: 'välue 2' },
    });
    return json.id;
  };
  const succeeded = ({ code, stdout, stderr }) => assert.equal(code, 0, tail(stdout + stderr));
  const backAgain = async (id) => {
    for (const server of [ours, theirs]) {
      const { json } = await ok(server, 'GET', `/v1/credentials/${id}`);
      assert.deepEqual([json.revision, json.credential_pairs], [2, { kept: 'välue 2' }], server.name);
    }
  };
  await check('a credential that our API archives disappears for both, and the original restores it', async () => {
    const id = await create('Archived by ours');
    await ok(ours, 'POST', `/v1/credentials/${id}/archive`, { force: true });
    await gone(id);
    const { archived } = await originalRows(version, settings);
    assert.deepEqual([archived[id]?.revision, archived[`${id}-1`]?.revision], [2, 1]);
    succeeded(await originalAdmin(version, settings, ['restore_credentials', '--ids', id, '--force']));
    await backAgain(id);
  });
  await check('a credential that the original archives disappears for both, and our command restores it', async () => {
    const id = await create('Archived by theirs');
    succeeded(await originalAdmin(version, settings, ['archive_credentials', '--ids', id, '--force']));
    await gone(id);
    succeeded(await ourAdmin(settings, ['restore_credentials', '--ids', id, '--force']));
    await backAgain(id);
  });
  await check('the original restores a credential that our command archives', async () => {
    const id = await create('Archived by our command');
    succeeded(await ourAdmin(settings, ['archive_credentials', '--ids', id, '--force']));
    await gone(id);
    succeeded(await originalAdmin(version, settings, ['restore_credentials', '--ids', id, '--force']));
    await backAgain(id);
  });
}

/** An original that runs outside UTC writes dates in its local time and labels them UTC. */
async function outsideUtc(version, dynamo, aws) {
  const settings = sharedSettings(aws, dynamo, 'wrong-dates');
  const ours = await startOurs({ ...settings, DYNAMODB_CREATE_TABLE: 'true' });
  const theirs = await startOriginal(version, { ...settings, TZ: 'America/Los_Angeles' });
  const { call, ok } = requestsTo(aws, settings);
  const services = async (id) =>
    (await ok(ours, 'GET', `/v1/credentials/${id}/services`)).json.services.map((it) => it.id);

  await check(
    `the original ${version} west of UTC: our server finds the services it maps, in spite of their dates`,
    async () => {
      const first = await ok(ours, 'POST', '/v1/credentials', { name: 'Mapped', credential_pairs: { a: '1' } });
      const { id } = first.json;
      assert.deepEqual(await services(id), []);
      await ok(theirs, 'PUT', '/v1/services/web-production', {
        credentials: [id],
        blind_credentials: [],
        enabled: true,
      });
      assert.deepEqual(await services(id), ['web-production']);
      await ok(ours, 'PUT', '/v1/services/api-production', { credentials: [id], blind_credentials: [], enabled: true });
      await ok(theirs, 'PUT', '/v1/services/worker-production', {
        credentials: [id],
        blind_credentials: [],
        enabled: true,
      });
      assert.deepEqual((await services(id)).sort(), ['api-production', 'web-production', 'worker-production']);
      await ok(theirs, 'PUT', '/v1/services/api-production', { credentials: [], blind_credentials: [], enabled: true });
      assert.deepEqual((await services(id)).sort(), ['web-production', 'worker-production']);
    },
  );
  await check(
    `the original ${version} west of UTC: our server refuses changes and archiving that conflict with what it maps`,
    async () => {
      const [one, two] = await Promise.all(
        ['Left', 'Right'].map((name) =>
          ok(theirs, 'POST', '/v1/credentials', { name, credential_pairs: { [name]: 'x' } }).then(
            ({ json }) => json.id,
          ),
        ),
      );
      await ok(theirs, 'PUT', '/v1/services/clock-production', {
        credentials: [one, two],
        blind_credentials: [],
        enabled: true,
      });
      const clash = await call(ours, 'user:alice', 'PUT', `/v1/credentials/${one}`, {
        credential_pairs: { right: 'y' },
      });
      assert.equal(clash.status, 400, clash.text);
      const archive = await call(ours, 'user:alice', 'POST', `/v1/credentials/${one}/archive`, { force: true });
      assert.ok(archive.status >= 400 && archive.status < 500, archive.text);
    },
  );
  await check(
    `the original ${version} west of UTC: our server refuses names that it uses, and both update one credential in turns`,
    async () => {
      const taken = await call(ours, 'user:alice', 'POST', '/v1/credentials', {
        name: 'Left',
        credential_pairs: { b: 'c' },
      });
      assert.equal(taken.status, 409, taken.text);
      const { json } = await ok(ours, 'POST', '/v1/credentials', { name: 'Turns', credential_pairs: { v: '1' } });
      await ok(theirs, 'PUT', `/v1/credentials/${json.id}`, { name: 'Turns', credential_pairs: { v: '2' } });
      await ok(ours, 'PUT', `/v1/credentials/${json.id}`, { credential_pairs: { v: '3' } });
      const read = await ok(theirs, 'GET', `/v1/credentials/${json.id}`);
      assert.deepEqual([read.json.revision, read.json.credential_pairs], [3, { v: '3' }]);
    },
  );
  await Promise.all([ours.stop(), theirs.stop()]);
}

function requestsTo(aws, settings) {
  const send = callers(kmsOf(aws), KEYS, settings.AUTH_CONTEXT);
  // The original answers 500 if `enabled` of a new credential, or `name` of a changed one, is left out (bug 17).
  const call = (server, as, method, path, body) =>
    send(server, as, method, path, typeof body === 'object' ? { enabled: true, ...body } : body);
  const ok = async (server, method, path, body, as = 'user:alice') => {
    const answer = await call(server, as, method, path, body);
    assert.equal(
      answer.status,
      200,
      `${server.name}: ${method} ${path}: ${answer.status} ${answer.text.slice(0, 600)}`,
    );
    return answer;
  };
  return {
    call,
    ok,
    /** Asserts that both servers return the same, and returns both responses. */
    async same(servers, path) {
      const answers = await Promise.all(servers.map((server) => ok(server, 'GET', path)));
      assert.deepEqual(comparable(answers[0].json), comparable(answers[1].json), path);
      return answers;
    },
  };
}

/** A response without the fields that each server decides for itself, and with sets sorted. */
function comparable(value, key = '') {
  if (Array.isArray(value)) {
    const items = value.map((item) => comparable(item));
    return SETS.has(key) ? items.sort((a, b) => (sortText(a) < sortText(b) ? -1 : 1)) : items;
  }
  // Python leaves out a fraction of zero, which one date in a million has.
  if (typeof value === 'string') return value.replace(/\.0{6}(?=\+00:00$)/, '');
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => name !== 'permissions' && name !== 'next_page');
  return Object.fromEntries(entries.sort().map(([name, item]) => [name, comparable(item, name)]));
}

const SETS = new Set(['credential_keys', 'added', 'removed', 'blind_credentials', 'credentials', 'services']);
const sortText = (value) => value?.id ?? JSON.stringify(value);
