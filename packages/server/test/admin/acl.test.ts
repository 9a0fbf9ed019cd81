import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin } from './run-admin.js';

let folder: string;
let policy: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-acl-'));
  policy = join(folder, 'policy.yaml');
  writeFileSync(
    policy,
    `version: 1
include: default
rules:
  - name: contractors see no production
    effect: deny
    principal: { group: contractors }
    action: "*"
    resource: { type: credential, tag: production }
  - name: payments map only what is theirs
    effect: deny
    principal: { type: user }
    action: update
    resource: { type: service, id: "payments-*" }
    adds: { tag: secret }
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('acl explain', () => {
  test('prints deny and the deciding rule, and exits with 1', async () => {
    const args = ['acl', 'explain', '--principal', 'user:bob', '--groups', 'contractors,staff', '--action', 'get'];
    const answer = await admin([...args, '--resource', 'credential:c1', '--tags', 'x,production', '--policy', policy]);
    expect(answer).toEqual({ exitCode: 1, out: 'deny: denied by rule "contractors see no production"\n', err: '' });
  });

  test('prints allow and the reason, and exits with 0', async () => {
    const args = ['acl', 'explain', '--principal', 'user:bob', '--groups', 'contractors', '--action', 'get'];
    const answer = await admin([...args, '--resource', 'credential:c1', '--tags', 'x'], { ACL_POLICY_FILE: policy });
    expect(answer).toEqual({ exitCode: 0, out: 'allow: no rule decides, the included default allows it\n', err: '' });
  });

  test('judges the credentials that an update would add to a service', async () => {
    const args = ['acl', 'explain', '--principal', 'user:bob', '--action', 'update', '--policy', policy];
    const service = [...args, '--resource', 'service:payments-web', '--adds', 'c1,c2'];
    expect(await admin([...service, '--adds-tags', 'secret'])).toMatchObject({
      exitCode: 1,
      out: 'deny: denied by rule "payments map only what is theirs" (adding c1)\n',
    });
    expect(await admin(service)).toMatchObject({ exitCode: 0 });
  });

  test('takes the arguments that a policy module gets for certificates and JWTs', async () => {
    const file = join(folder, 'arguments.yaml');
    const rule = (type: string, more: string) =>
      `  - { name: ${type}, effect: allow, action: get, resource: { type: ${type}, ${more} } }\n`;
    writeFileSync(
      file,
      `version: 1\nrules:\n${rule('certificate', 'ca: a, id: "*.test"')}${rule('jwt', 'environment: e, id: bob')}`,
    );
    const ask = (resource: string, kwargs: object) =>
      admin([
        ...['acl', 'explain', '--principal', 'user:alice', '--action', 'get', '--resource', resource],
        ...['--kwargs', JSON.stringify(kwargs), '--policy', file],
      ]);
    expect(await ask('certificate:x.test', { ca: 'a', san: ['y.test'] })).toMatchObject({ exitCode: 0 });
    expect(await ask('certificate:x.test', { ca: 'a', san: ['y.example'] })).toMatchObject({ exitCode: 1 });
    expect(await ask('jwt:alice', { id: 'bob', environment: 'e' })).toMatchObject({ exitCode: 0 });
    expect(await ask('jwt:alice', { id: 'eve', environment: 'e' })).toMatchObject({ exitCode: 1 });
  });

  test('asks the built-in policy when no file is given', async () => {
    const args = ['acl', 'explain', '--principal', 'service:web', '--action', 'get', '--resource'];
    expect(await admin([...args, 'service:web'])).toMatchObject({
      exitCode: 0,
      out: 'allow: allowed by confidant.authnz.rbac:default_acl\n',
    });
    expect(await admin([...args, 'service:other'])).toMatchObject({ exitCode: 1 });
  });

  test.each([
    [['--principal', 'bob', '--action', 'get', '--resource', 'credential:x'], '--principal: expected'],
    [['--principal', 'user:bob', '--action', 'get', '--resource', 'thing:x'], '--resource: expected'],
    [['--principal', 'user:bob', '--action', 'eat', '--resource', 'credential:x'], 'Allowed choices'],
    [['--principal', 'user:bob', '--action', 'get'], '--resource'],
    [['--principal', 'user:bob', '--action', 'get', '--resource', 'credential:x', '--kwargs', '[1'], '--kwargs'],
    [['--principal', 'user:bob', '--action', 'get', '--resource', 'jwt:x', '--kwargs', '{"id":7}'], '--kwargs'],
    [['--principal', 'user:bob', '--action', 'get', '--resource', 'ca:x', '--kwargs', '{"id":"x"}'], '--kwargs'],
    [
      [
        ...['--principal', 'service:web', '--action', 'get', '--resource', 'certificate:x'],
        ...['--kwargs', '{"ca":"a","san":[1]}'],
      ],
      '--kwargs',
    ],
    [
      ['--principal', 'user:bob', '--action', 'get', '--resource', 'ca:x', '--policy', '/no/such/file'],
      'the file does not exist',
    ],
  ])('%j is a mistake: it prints no decision and exits with 2', async (args, text) => {
    const { exitCode, out, err } = await admin(['acl', 'explain', ...args]);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain(text);
  });
});

describe('acl check', () => {
  test('counts the rules of a valid file', async () => {
    expect(await admin(['acl', 'check', policy])).toEqual({
      exitCode: 0,
      out: `${policy}: 2 rules, and the default included\n`,
      err: '',
    });
  });

  test('lists every error of an invalid file with its line, and exits with 1', async () => {
    const file = join(folder, 'bad.yaml');
    writeFileSync(file, 'version: 1\nrules:\n  - name: a\n    effect: maybe\n    action: get\n    resource: {}\n');
    const { exitCode, err } = await admin(['acl', 'check', file]);
    expect(exitCode).toBe(1);
    expect(err).toContain('line 4, rules[0].effect');
    expect(err).toContain('line 6, rules[0].resource.type');
  });
});

test('--help lists the commands, and an unknown command exits with 2', async () => {
  expect((await admin(['--help'])).out).toContain('acl');
  expect((await admin(['nonsense'])).exitCode).toBe(2);
});
