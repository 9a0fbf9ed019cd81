import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { CredentialsProvider } from '../../../src/adapters/aws/credentials.js';
import type { DynamoOptions } from '../../../src/adapters/store/dynamodb/client.js';
import { itemOf } from '../../../src/adapters/store/dynamodb/items.js';
import { createDynamoTable } from '../../../src/adapters/store/dynamodb/create-table.js';
import { openDynamoStore } from '../../../src/adapters/store/dynamodb/store.js';
import type { Store } from '../../../src/ports/store.js';
import { BackendUnavailable } from '../../../src/ports/unavailable.js';
import { TEST_CREDENTIALS } from '../../stand-ins/dynamodb-server.js';
import { at, credential, service } from './records.js';

/** The timeouts below allow 200 ms for a call, but a busy machine may notice much later. */
const GENEROUS_MS = 20_000;
/** Timeouts for calls that are answered, long enough for a busy machine. */
const PATIENT = { connectTimeoutMs: 30_000, readTimeoutMs: 30_000 };

interface Call {
  operation: string;
  input: Record<string, unknown>;
  headers: IncomingMessage['headers'];
  response: ServerResponse;
}

/** A stand-in for DynamoDB that gives one answer per call, and repeats the last one. */
class StandIn {
  readonly calls: Call[] = [];
  readonly #server: Server;
  #stores: Store[] = [];

  constructor(answers: ((call: Call) => void)[]) {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const operation = String(request.headers['x-amz-target']).replace('DynamoDB_20120810.', '');
        const call = { operation, input: JSON.parse(body) as Call['input'], headers: request.headers, response };
        this.calls.push(call);
        answers[Math.min(this.calls.length, answers.length) - 1]!(call);
      });
    });
  }

  async options(): Promise<DynamoOptions> {
    if (!this.#server.listening) {
      this.#server.listen(0, '127.0.0.1');
      await once(this.#server, 'listening');
    }
    return {
      table: 'rows',
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`,
      credentials: () => Promise.resolve(TEST_CREDENTIALS),
      connectTimeoutMs: 100,
      readTimeoutMs: 100,
      maxSockets: 2,
      maxAttempts: 3,
    };
  }

  async store(options: Partial<DynamoOptions> = {}): Promise<Store> {
    const store = openDynamoStore({ ...(await this.options()), ...options });
    this.#stores.push(store);
    return store;
  }

  get operations(): string[] {
    return this.calls.map(({ operation }) => operation);
  }

  async stop(): Promise<void> {
    for (const store of this.#stores.splice(0)) await store.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let running: StandIn | undefined;
afterEach(async () => {
  vi.useRealTimers();
  await running?.stop();
  running = undefined;
});
const standIn = (...answers: ((call: Call) => void)[]): StandIn => (running = new StandIn(answers));

const answer =
  (status: number, body: object | string, headers: Record<string, string> = {}) =>
  ({ response }: Call): void => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
const refusal = (name: string, more: object = {}): ((call: Call) => void) =>
  answer(400, { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: 'no', ...more });
const nothing = (): void => undefined;
/** DynamoDB's answer to a transaction that it has carried out. */
const done = answer(200, { ConsumedCapacity: [{ TableName: 'rows', CapacityUnits: 4 }] });

const one = credential();
const item = itemOf('credential', one, false);

/** An answer with every member that DynamoDB's answers have, each with this value. */
function everyMember(value: unknown): object {
  const names = ['Item', 'Items', 'Responses', 'UnprocessedKeys', 'Attributes', 'ConsumedCapacity', 'LastEvaluatedKey'];
  return Object.fromEntries(names.map((name) => [name, value]));
}

/** An answer with this row wherever an answer of DynamoDB has rows. */
function rowsIn(row: unknown): object {
  return { Item: row, Items: [row], Responses: { rows: [row] }, Attributes: row, ConsumedCapacity: [row] };
}

function nested(depth: number): string {
  const tags = `${'{"L":['.repeat(depth)}{"S":"x"}${']}'.repeat(depth)}`;
  return JSON.stringify(rowsIn({ ...item, tags: { S: 'nested' } })).replaceAll('{"S":"nested"}', tags);
}

/** Every method of the store as a function that calls it. */
const METHODS: Record<string, (store: Store) => Promise<unknown>> = {
  get: (store) => store.get('credential', one.id),
  getRevision: (store) => store.getRevision('credential', one.id, 1),
  getRevisions: (store) => store.getRevisions('credential', one.id, 150),
  openService: (store) => store.openService('web'),
  getMany: (store) => store.getMany('credential', [one.id]),
  putRevision: (store) => store.putRevision({ kind: 'credential', next: one, expected: null, name: { claim: 'n' } }),
  list: (store) => store.list('credential', { archived: false, limit: 5 }),
  changedServices: (store) => store.changedServices(null),
  changedNames: (store) => store.changedNames('credential', at(1)),
  setLastDecrypted: (store) => store.setLastDecrypted(one.id, 1, at(2)),
  ping: (store) => store.ping(),
};

async function expectUnavailable(work: Promise<unknown>): Promise<BackendUnavailable> {
  const began = performance.now();
  const error: unknown = await work.then(
    (value) => new Error(`resolved to ${inspect(value)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BackendUnavailable);
  expect(performance.now() - began).toBeLessThan(GENEROUS_MS);
  return error as BackendUnavailable;
}

describe('every method reports an unusable response as an unavailable backend, in time', () => {
  const BROKEN: Record<string, (call: Call) => void> = {
    'a server that never answers': nothing,
    'a server that stops in the middle of its answer': ({ response }) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"Item":');
    },
    'a connection that breaks in the middle of the answer': ({ response }) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"Item":', () => response.destroy());
    },
    'a connection that breaks before the answer': ({ response }) => response.destroy(),
    'status 500': answer(500, { __type: 'InternalServerError', message: 'sorry' }),
    'status 503 of a proxy': answer(503, '<html>try later</html>'),
    'status 404 of a proxy': answer(404, '<html>nothing here</html>'),
    'status 200 with a page': answer(200, '<html>log in first</html>'),
    'status 200 with half an object': answer(200, '{"Item": {"id": {"S": "'),
    'status 200 without an object': answer(200, 'null'),
    'status 200 with a list': answer(200, []),
    'status 200 of another program': answer(200, { ok: true }),
    'status 200 with texts in place of rows': answer(200, everyMember('rows')),
    'status 200 with numbers in place of rows': answer(200, everyMember(5)),
    'status 200 with null in place of rows': answer(200, everyMember(null)),
    'rows that are lists': answer(200, rowsIn([])),
    'rows with plain values': answer(200, rowsIn({ ...item, id: one.id })),
    'rows with attributes of no known type': answer(200, rowsIn({ ...item, tags: { X: 'y' } })),
    'rows with attributes whose value is not of their type': answer(200, rowsIn({ ...item, name: { S: 5 } })),
    'rows with attributes of two types': answer(200, rowsIn({ ...item, name: { S: 'a', N: '1' } })),
    'rows that are nested without end': answer(200, nested(10_000)),
    'a redirect': answer(307, '', { location: 'http://127.0.0.1:1/' }),
    throttling: refusal('ProvisionedThroughputExceededException'),
    'denied access': refusal('AccessDeniedException'),
    'a missing table': refusal('ResourceNotFoundException'),
    'a wrong signature': refusal('InvalidSignatureException'),
    'an error without a name': answer(400, {}),
  };

  test.each(Object.entries(BROKEN))('%s is an unavailable backend', async (_, broken) => {
    const server = standIn(broken);
    const store = await server.store();
    await Promise.all(Object.values(METHODS).map((method) => expectUnavailable(method(store))));
    // Each call has three attempts, and the history needs a second batch.
    expect(server.calls.length).toBeLessThanOrEqual(3 * (Object.keys(METHODS).length + 1));
  });

  test('an empty answer means that a single row is absent, and nothing else', async () => {
    const { get, getRevision, ping, openService, ...others } = METHODS;
    const server = standIn(answer(200, {}));
    const store = await server.store();
    expect([await get!(store), await getRevision!(store), await ping!(store)]).toEqual([
      'absent',
      undefined,
      undefined,
    ]);
    expect(await openService!(store)).toMatchObject({ service: 'absent' });
    for (const method of Object.values(others)) await expectUnavailable(method(store));
  });

  test.each<[string, object]>([
    ['another row', { Item: { ...item, id: { S: 'another' } }, Responses: { rows: [{ id: { S: 'another' } }] } }],
    ['rows of another table', { Item: { id: { S: 'x' } }, Responses: { others: [item] }, UnprocessedKeys: {} }],
    [
      'unprocessed keys that were not asked for',
      {
        Item: { id: { S: 'x' } },
        Responses: { rows: [] },
        UnprocessedKeys: { rows: { Keys: [{ id: { S: 'another' } }] } },
      },
    ],
  ])('%s is an unavailable backend', async (_, body) => {
    const store = await standIn(answer(200, body)).store();
    await expectUnavailable(store.get('credential', one.id));
    await expectUnavailable(store.getMany('credential', [one.id]));
  });

  test('a list that never ends is an unavailable backend', async () => {
    let page = 0;
    const endings: ((call: Call) => void)[] = [
      answer(200, { Items: [item], LastEvaluatedKey: { id: item['id'] } }),
      answer(200, { Items: [], LastEvaluatedKey: { id: item['id'] } }),
      (call) => answer(200, { Items: [item], LastEvaluatedKey: { id: { S: `page ${(page += 1)}` } } })(call),
    ];
    for (const endless of endings) {
      const server = standIn(endless);
      const store = await server.store(PATIENT);
      await expectUnavailable(store.list('credential', { archived: false }));
      await expectUnavailable(store.changedServices(null));
      await expectUnavailable(store.changedNames('credential', null));
      expect(server.calls.length).toBeLessThan(50);
      await server.stop();
    }
  });

  test('a list may have a few pages without rows', async () => {
    const server = standIn(
      answer(200, { Items: [], LastEvaluatedKey: { id: { S: 'a' } } }),
      answer(200, { Items: [], LastEvaluatedKey: { id: { S: 'b' } } }),
      answer(200, { Items: [item] }),
    );
    const { rows } = await (await server.store(PATIENT)).list('credential', { archived: false });
    expect(rows.map(({ id }) => id)).toEqual([one.id]);
  });

  test('a refused connection is an unavailable backend', async () => {
    const server = standIn(nothing);
    const options = await server.options();
    await server.stop();
    const store = openDynamoStore(options);
    for (const method of Object.values(METHODS)) await expectUnavailable(method(store));
    await store.close();
  });

  test('a host that does not exist is an unavailable backend', async () => {
    const store = await standIn(nothing).store({ endpoint: 'http://dynamodb.invalid' });
    await expectUnavailable(store.get('credential', one.id));
  });

  test('credentials that cannot be loaded, or never arrive, are an unavailable backend', async () => {
    const providers: CredentialsProvider[] = [
      () => Promise.reject(new Error('no credentials here')),
      () => new Promise(() => undefined),
    ];
    for (const credentials of providers) {
      const server = standIn(answer(200, { Item: item }));
      await expectUnavailable((await server.store({ credentials })).get('credential', one.id));
      expect(server.calls).toEqual([]);
      await server.stop();
    }
  });

  test('more calls than connections are an unavailable backend if none is answered', async () => {
    const store = await standIn(nothing).store();
    await Promise.all(Array.from({ length: 30 }, () => expectUnavailable(store.get('credential', one.id))));
  });

  test('an endless response is an unavailable backend', async () => {
    const server = standIn(({ response }) => {
      const chunk = 'x'.repeat(1024 * 1024);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    await expectUnavailable((await server.store({ readTimeoutMs: 60_000, maxAttempts: 1 })).get('credential', one.id));
  });

  test('a server that fails at once is an unavailable backend, however many attempts are allowed', async () => {
    const store = await standIn(answer(500, {})).store({ maxAttempts: 100_000 });
    await expectUnavailable(store.get('credential', one.id));
  });

  test('a table that does not become active is an unavailable backend', async () => {
    const server = standIn(answer(200, { Table: { TableStatus: 'CREATING' } }));
    await expectUnavailable(createDynamoTable({ ...(await server.options()), ...PATIENT }, { waitMs: 50 }));
    expect(new Set(server.operations)).toEqual(new Set(['DescribeTable']));
  });

  test('an error contains neither rows nor keys', async () => {
    for (const broken of [
      answer(200, `{"Item": {"credential_pairs": {"S": "gAAAAA-secret"`),
      answer(500, `{"credential_pairs": {"S": "gAAAAA-secret"}}`),
      refusal('SomethingNew', { Item: { credential_pairs: { S: 'gAAAAA-secret' } } }),
    ]) {
      const server = standIn(broken);
      const error = await expectUnavailable((await server.store()).get('credential', one.id));
      expect(inspect(error, { depth: 20, getters: false })).not.toContain('secret');
      await server.stop();
    }
  });
});

describe('retries after temporary failures', () => {
  const found = answer(200, { Item: item });

  test.each<[string, ((call: Call) => void)[]]>([
    ['status 500', [answer(500, { __type: 'InternalServerError' }), answer(500, 'x'), found]],
    ['throttling', [refusal('ThrottlingException'), refusal('ProvisionedThroughputExceededException'), found]],
    ['a broken connection', [({ response }) => response.destroy(), found]],
    ['garbage', [answer(200, 'garbage'), found]],
  ])('%s is retried', async (_, answers) => {
    const server = standIn(...answers);
    const store = await server.store(PATIENT);
    expect(await store.get('credential', one.id)).toEqual(one);
    expect(server.calls).toHaveLength(answers.length);
  });

  test('a refusal is not retried', async () => {
    const server = standIn(refusal('AccessDeniedException'));
    await expectUnavailable((await server.store(PATIENT)).get('credential', one.id));
    expect(server.calls).toHaveLength(1);
  });

  test('a kept connection that the server has closed is replaced', async () => {
    const server = standIn(answer(200, { Item: item }, { connection: 'keep-alive' }), (call) => {
      // The server answers and closes the connection, which the client believes to be kept.
      answer(200, { Item: item })(call);
      call.response.once('finish', () => call.response.socket?.destroy());
    });
    const store = await server.store(PATIENT);
    for (let n = 0; n < 20; n++) expect(await store.get('credential', one.id)).toEqual(one);
  });

  test('expired credentials are loaded again, once', async () => {
    const server = standIn(refusal('ExpiredTokenException'), found);
    const asked: unknown[] = [];
    const credentials: CredentialsProvider = (options) => {
      asked.push(options?.forceRefresh ?? false);
      return Promise.resolve({ ...TEST_CREDENTIALS, accessKeyId: `KEY${asked.length}`, sessionToken: 'session' });
    };
    const store = await server.store({ credentials, ...PATIENT });
    expect(await store.get('credential', one.id)).toEqual(one);
    expect(await store.get('credential', one.id)).toEqual(one);
    expect(asked).toEqual([false, true]);
    const keys = server.calls.map(({ headers }) => /Credential=(\w+)\//.exec(headers.authorization ?? '')?.[1]);
    expect(keys).toEqual(['KEY1', 'KEY2', 'KEY2']);
    expect(server.calls[0]?.headers['x-amz-security-token']).toBe('session');

    const hopeless = standIn(refusal('ExpiredTokenException'));
    await expectUnavailable((await hopeless.store(PATIENT)).get('credential', one.id));
    expect(hopeless.calls).toHaveLength(2);
    await server.stop();
  });

  test('credentials are renewed before they expire, and kept while the renewal fails', async () => {
    // A failed renewal is retried after ten seconds.
    vi.useFakeTimers({ toFake: ['Date'] });
    let loads = 0;
    const credentials: CredentialsProvider = () => {
      loads += 1;
      return loads === 1
        ? Promise.resolve({ ...TEST_CREDENTIALS, expiration: new Date(Date.now() + 60_000) })
        : Promise.reject(new Error('not now'));
    };
    const store = await standIn(found).store({ credentials, ...PATIENT });
    for (let n = 0; n < 5; n++) expect(await store.get('credential', one.id)).toEqual(one);
    expect(loads).toBe(2);
  });
});

test('a service that was read before is read with its credentials in one call', async () => {
  const role = service({ credentials: [one.id] });
  const rows = [item, itemOf('service', role, false)];
  const server = standIn(
    answer(200, { Item: rows[1] }),
    answer(200, { Responses: { rows: [item] }, UnprocessedKeys: {} }),
    answer(200, { Responses: { rows }, UnprocessedKeys: {} }),
  );
  const store = await server.store(PATIENT);
  for (let time = 0; time < 3; time++) {
    const read = await store.openService(role.id);
    expect([read.service, await read.mapped('credential')]).toEqual([role, new Map([[one.id, one]])]);
  }
  expect(server.operations).toEqual(['GetItem', 'BatchGetItem', 'BatchGetItem', 'BatchGetItem']);
});

describe('keys that DynamoDB leaves unprocessed', () => {
  const rows = Array.from({ length: 4 }, () => credential());
  const items = rows.map((row) => itemOf('credential', row, false));
  const ids = rows.map(({ id }) => id);
  const keys = (some: string[]): object => ({ rows: { Keys: some.map((id) => ({ id: { S: id } })) } });
  const asked = ({ input }: Call): object => input['RequestItems'] as object;

  test('only the unprocessed keys are requested again', async () => {
    const server = standIn(
      answer(200, { Responses: { rows: items.slice(0, 1) }, UnprocessedKeys: keys(ids.slice(1)) }),
      answer(200, { Responses: { rows: [] }, UnprocessedKeys: keys(ids.slice(1)) }),
      answer(200, { Responses: { rows: items.slice(1) }, UnprocessedKeys: {} }),
    );
    const store = await server.store(PATIENT);
    expect(await store.getMany('credential', ids)).toEqual(new Map(rows.map((row) => [row.id, row])));
    expect(server.calls.map(asked)).toMatchObject([keys(ids), keys(ids.slice(1)), keys(ids.slice(1))]);
  });

  test('keys that always stay unprocessed are an unavailable backend, not absent rows', async () => {
    const store = await standIn(answer(200, { Responses: { rows: [] }, UnprocessedKeys: keys(ids) })).store();
    await expectUnavailable(store.getMany('credential', ids));
  });

  test('keys that are processed one by one without end are an unavailable backend too', async () => {
    const store = await standIn(answer(200, { Responses: { rows: [items[0]] }, UnprocessedKeys: keys(ids) })).store();
    await expectUnavailable(store.getMany('credential', ids));
  });
});

describe('a transaction', () => {
  const write = (store: Store) =>
    store.putRevision({ kind: 'credential', next: one, expected: null, name: { claim: 'n', release: 'o' } });
  const cancelled = (...codes: string[]): ((call: Call) => void) =>
    refusal('TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code })) });
  const tokens = (server: StandIn): unknown[] => server.calls.map(({ input }) => input['ClientRequestToken']);

  test('a transaction whose response was lost is repeated under the same token, so that it is applied once', async () => {
    const server = standIn(({ response }) => response.destroy(), refusal('TransactionInProgressException'), done);
    expect(await write(await server.store(PATIENT))).toEqual({ status: 'ok' });
    expect(tokens(server)).toHaveLength(3);
    expect(new Set(tokens(server)).size).toBe(1);
  });

  test('a transaction that meets another one on its rows is retried', async () => {
    const server = standIn(
      cancelled('TransactionConflict', 'None', 'None', 'None'),
      cancelled('None', 'None', 'ThrottlingError', 'None'),
      done,
    );
    expect(await write(await server.store(PATIENT))).toEqual({ status: 'ok' });
  });

  test('a transaction that always meets another one is contended, and one that is always throttled an unavailable backend', async () => {
    const contended = standIn(cancelled('None', 'TransactionConflict', 'None', 'None'));
    const store = await contended.store({ connectTimeoutMs: 1000, readTimeoutMs: 1500 });
    // On a busy machine the last response may come too late, and the outcome is unavailable; three times in a row is unlikely.
    let end: unknown;
    for (let n = 0; n < 3 && (n === 0 || end instanceof BackendUnavailable); n += 1) {
      end = await write(store).catch((error: unknown) => error);
    }
    expect(end).toEqual({ status: 'contended' });
    await contended.stop();
    const throttled = standIn(cancelled('None', 'ProvisionedThroughputExceeded', 'None', 'None'));
    await expectUnavailable(write(await throttled.store({ connectTimeoutMs: 1000, readTimeoutMs: 1500 })));
  });

  test('a transaction is retried if another transaction may have caused the reason for its refusal', async () => {
    const server = standIn(
      cancelled('ConditionalCheckFailed', 'TransactionConflict', 'ConditionalCheckFailed', 'None'),
      cancelled('ConditionalCheckFailed', 'ConditionalCheckFailed', 'ConditionalCheckFailed', 'None'),
    );
    expect(await write(await server.store(PATIENT))).toEqual({
      status: 'conflict',
    });
    expect(server.calls).toHaveLength(2);
  });

  test('a transaction that cannot release the old name is repeated without that, under another token', async () => {
    const server = standIn(cancelled('None', 'None', 'None', 'ConditionalCheckFailed'), done);
    expect(await write(await server.store(PATIENT))).toEqual({ status: 'ok' });
    expect(server.calls.map(({ input }) => (input['TransactItems'] as unknown[]).length)).toEqual([4, 3]);
    expect(new Set(tokens(server)).size).toBe(2);
  });

  test.each<[string, unknown]>([
    ['a text', 'ConditionalCheckFailed'],
    ['too few', [{ Code: 'ConditionalCheckFailed' }]],
    ['texts', ['a', 'b', 'c', 'd']],
    ['of another type', [{ Code: 5 }, { Code: 5 }, { Code: 5 }, { Code: 5 }]],
  ])('a transaction that is cancelled for reasons that are %s is an unavailable backend', async (_, reasons) => {
    const server = standIn(refusal('TransactionCanceledException', { CancellationReasons: reasons }));
    await expectUnavailable(write(await server.store()));
  });

  test('a transaction that was acknowledged without proof is looked up', async () => {
    const written = itemOf('credential', one, true);
    const server = standIn(answer(200, {}), answer(200, { Item: written }));
    expect(await write(await server.store(PATIENT))).toEqual({ status: 'ok' });
    expect(server.operations).toEqual(['TransactWriteItems', 'GetItem']);
    for (const found of [{}, { Item: { ...written, credential_pairs: { S: "somebody else's" } } }]) {
      const other = standIn(answer(200, {}), answer(200, found));
      await expectUnavailable(write(await other.store(PATIENT)));
      await other.stop();
    }
    await server.stop();
  });

  test('a transaction that is cancelled for an unknown reason is an unavailable backend', async () => {
    const server = standIn(cancelled('None', 'SomethingNew', 'None', 'None'));
    await expectUnavailable(write(await server.store()));
    await server.stop();
    await expectUnavailable(write(await standIn(refusal('TransactionCanceledException')).store()));
  });
});

test('without configured credentials, the usual sources of AWS are used', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_SESSION_TOKEN', undefined);
  vi.stubEnv('AWS_PROFILE', undefined);
  const server = standIn(answer(200, { Item: item }));
  const { credentials: _, ...options } = await server.options();
  const store = openDynamoStore({ ...options, ...PATIENT });
  expect(await store.get('credential', one.id)).toEqual(one);
  expect(server.calls[0]?.headers.authorization).toContain('Credential=AKIAENVIRONMENT/');
  await store.close();
  vi.unstubAllEnvs();
});

test('requests are signed, name their operation, and read consistently', async () => {
  const server = standIn(answer(200, { Item: item }), answer(200, { Responses: { rows: [item] } }));
  const store = await server.store(PATIENT);
  await store.get('credential', one.id);
  await store.getMany('credential', [one.id]);
  expect(server.operations).toEqual(['GetItem', 'BatchGetItem']);
  expect(server.calls[0]?.input).toEqual({ TableName: 'rows', Key: { id: { S: one.id } }, ConsistentRead: true });
  expect(server.calls[1]?.input).toMatchObject({ RequestItems: { rows: { ConsistentRead: true } } });
  for (const { headers } of server.calls) {
    expect(headers['content-type']).toBe('application/x-amz-json-1.0');
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/us-east-1\/dynamodb\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=[0-9a-f]{64}$/,
    );
  }
});

test('lists do not transfer pairs and data keys, and lists of changed names transfer only names', async () => {
  const server = standIn(answer(200, { Items: [] }));
  const store = await server.store(PATIENT);
  await store.list('credential', { archived: false });
  await store.list('credential', { archived: true, limit: 5 });
  await store.changedNames('credential', at(1));
  const projected = server.calls.map(({ input }) => {
    const names = input['ExpressionAttributeNames'] as Record<string, string>;
    return String(input['ProjectionExpression'])
      .split(',')
      .map((name) => names[name]);
  });
  for (const attributes of projected.slice(0, 2)) {
    expect(attributes).toEqual(expect.arrayContaining(['id', 'revision', 'name', 'metadata', 'tags', 'modified_date']));
    expect(attributes).not.toContain('credential_pairs');
    expect(attributes).not.toContain('data_key');
  }
  expect(projected[2]).toEqual(['id', 'name', 'modified_date']);
});
