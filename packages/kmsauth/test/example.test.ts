import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
// Imported by the package's name, as in the example: types of another build would not be compatible.
import { TokenGenerator } from '@confidant/kmsauth';
import { billingTokens, fetchAs, invoicesValidator, requireCaller } from '../examples/service-to-service.js';
import { MemoryKms } from './memory-kms.js';

let kms: MemoryKms;
let server: Server;
let url: string;

beforeEach(async () => {
  kms = new MemoryKms();
  kms.addKey('alias/authnz');
  kms.addKey('alias/other');
  const listener = requireCaller(invoicesValidator(kms), new Set(['billing']), (_request, response, caller) => {
    response.end(`hello ${caller.from}`);
  });
  server = createServer(listener);
  // No idle connection is closed, because a request could reuse it at that moment.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(async () => {
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});

const generator = (from: string, authKey = 'alias/authnz', to = 'invoices') =>
  new TokenGenerator({ kms, authKey, from, to, userType: 'service', version: 2, lifetimeMinutes: 10 });

describe('the example', () => {
  test('an allowed service gets 200, with one token and one decryption for all its calls', async () => {
    const tokens = billingTokens(kms);
    for (let call = 0; call < 3; call += 1) {
      const response = await fetchAs(tokens, url);
      expect([response.status, await response.text()]).toEqual([200, 'hello billing']);
    }
    expect(kms.calls).toMatchObject({ encrypt: 1, decrypt: 1 });
  });

  test('a request without a token gets 401', async () => {
    expect((await fetch(url)).status).toBe(401);
  });

  test('a token of another service, key, receiver or name gets 403', async () => {
    expect((await fetchAs(generator('payroll'), url)).status).toBe(403);
    expect((await fetchAs(generator('billing', 'alias/other'), url)).status).toBe(403);
    expect((await fetchAs(generator('billing', 'alias/authnz', 'payroll'), url)).status).toBe(403);
    const { token } = await generator('payroll').token();
    const headers = { 'X-Auth-From': '2/service/billing', 'X-Auth-Token': token };
    expect((await fetch(url, { headers })).status).toBe(403);
  });

  test('the receiver answers 503 while KMS is unavailable', async () => {
    const tokens = billingTokens(kms);
    await tokens.token();
    kms.down.add('decrypt');
    expect((await fetchAs(tokens, url)).status).toBe(503);
  });

  test('the README shows this example', async () => {
    const file = (name: string) => readFile(new URL(`../${name}`, import.meta.url), 'utf8');
    expect(await file('README.md')).toContain(await file('examples/service-to-service.ts'));
  });
});
