import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadAclModule } from '../../../src/adapters/access/acl-module.js';
import type { AccessRequest, Acl } from '../../../src/domain/acl.js';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'confidant-module-'));
  writeFileSync(
    join(directory, 'acl.mjs'),
    `export const calls = globalThis.aclCalls = [];
export function record(given) { calls.push(given); return true; }
export async function later() { await null; return true; }
export function change(given) { given.principal.groups.push('admins'); given.kwargs.credential_ids.length = 0; return true; }
export const answer = ({ resource_id }) => JSON.parse(resource_id);
export const rejects = () => Promise.reject(new Error('broken'));
export const throws = () => { throw new Error('broken'); };
export const hangs = () => new Promise(() => {});
export const notAFunction = 1;
`,
  );
  writeFileSync(join(directory, 'old.cjs'), 'const name = "check"; module.exports[name] = () => true;\n');
  writeFileSync(join(directory, 'broken.mjs'), 'export const x = ;\n');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const request: AccessRequest = {
  principal: { name: 'web', type: 'service', account: 'sandbox', groups: ['g'], authenticatedBy: 'kms-token' },
  resourceType: 'service',
  action: 'update',
  resourceId: 'web',
  mapping: { ids: ['a', 'b'], added: ['b'] },
};

function load(spec: string, timeoutMs = 2000): Promise<Acl> {
  return loadAclModule({ spec, directory, timeoutMs });
}

describe('an ACL module', () => {
  test('an ACL module gets the arguments of the original, and the principal', async () => {
    expect(await (await load('./acl.mjs:record'))(request)).toBe(true);
    const { principal, ...rest } = (globalThis as unknown as { aclCalls: Record<string, unknown>[] }).aclCalls[0]!;
    expect(rest).toEqual({
      resource_type: 'service',
      action: 'update',
      resource_id: 'web',
      kwargs: { credential_ids: ['a', 'b'], new_credential_ids: ['b'] },
    });
    expect(principal).toEqual({ name: 'web', type: 'service', account: 'sandbox', groups: ['g'] });
  });

  test.each([
    [{}, {}],
    [{ mapping: { ids: ['a'] } }, { credential_ids: ['a'] }],
    [{ certificate: { ca: 'staging', alternativeNames: ['b.test'] } }, { ca: 'staging', san: ['b.test'] }],
    [{ jwt: { subject: 'bob', environment: 'staging' } }, { id: 'bob', environment: 'staging' }],
  ] as [Partial<AccessRequest>, object][])(
    'an ACL module gets %j under the names of the original, as %j',
    async (part, kwargs) => {
      const { mapping: _mapping, ...plain } = request;
      await (
        await load('./acl.mjs:record')
      )({ ...plain, ...part });
      const calls = (globalThis as unknown as { aclCalls: Record<string, unknown>[] }).aclCalls;
      expect(calls.at(-1)!['kwargs']).toEqual(kwargs);
    },
  );

  test('an ACL module may return a promise', async () => {
    expect(await (await load('acl.mjs:later'))(request)).toBe(true);
  });

  test('an ACL module may be CommonJS', async () => {
    expect(await (await load('./old.cjs:check'))(request)).toBe(true);
  });

  test('an ACL module cannot change the request', async () => {
    await (
      await load('./acl.mjs:change')
    )(request);
    expect(request.principal.groups).toEqual(['g']);
    expect(request.mapping).toEqual({ ids: ['a', 'b'], added: ['b'] });
  });

  test.each(['false', 'null', '1', '"true"', '{}', '[]'])(
    'an ACL module that returns %s denies access, because only true allows it',
    async (answer) => {
      expect(await (await load('./acl.mjs:answer'))({ ...request, resourceId: answer })).toBe(false);
    },
  );

  test.each(['rejects', 'throws'])('an ACL module that %s does not allow access', async (name) => {
    const acl = await load(`./acl.mjs:${name}`);
    await expect((async () => acl(request))()).rejects.toThrow('broken');
  });

  test('an ACL module that never answers does not allow access, and is given up after a bounded wait', async () => {
    const acl = await load('./acl.mjs:hangs', 20);
    await expect((async () => acl(request))()).rejects.toThrow('no answer within 20 ms');
  });

  test.each([
    ['./missing.mjs:check', /the file .*missing\.mjs does not exist/],
    ['./acl.mjs:missing', /does not export a function missing/],
    ['./acl.mjs:notAFunction', /does not export a function notAFunction/],
    ['./broken.mjs:check', /broken\.mjs cannot be loaded/],
    ['mycompany.acl:check', /expected a JavaScript file/],
    ['./acl.mjs', /expected a JavaScript file/],
  ])('%s stops the start, and the error says what is wrong', async (spec, text) => {
    await expect(load(spec)).rejects.toThrow(text);
  });
});
