import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openAcl, type OpenedAcl } from '../../../src/adapters/access/acl.js';
import { BadPolicy, parsePolicy } from '../../../src/adapters/access/parse-policy.js';
import { type AccessRequest, noAcl } from '../../../src/domain/acl.js';
import { groupsOf } from '../../../src/domain/person.js';
import { decide } from '../../../src/domain/policy.js';

let folder: string;
let file: string;
let opened: OpenedAcl | undefined;
let logged: { level: string; details: Record<string, unknown>; message: string }[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-policy-'));
  file = join(folder, 'policy.yaml');
  logged = [];
});
afterEach(() => {
  opened?.close();
  opened = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const request: AccessRequest = {
  principal: { name: 'alice', type: 'user', account: null, groups: [], authenticatedBy: 'session' },
  resourceType: 'credential',
  action: 'get',
  resourceId: 'c1',
};

function policy(name: string, effect = 'allow'): string {
  return `version: 1\nrules:\n  - { name: r, effect: ${effect}, principal: { name: ${name} }, action: get, resource: { type: credential } }\n`;
}

async function open(): Promise<OpenedAcl> {
  opened = await openAcl({
    module: 'confidant.authnz.rbac:default_acl',
    policyFile: file,
    defaultAcl: noAcl,
    noAcl,
    log: {
      info: (details, message) => void logged.push({ level: 'info', details, message }),
      error: (details, message) => void logged.push({ level: 'error', details, message }),
    },
    pollMs: 20,
  });
  return opened;
}

describe('the policy file', () => {
  test('a policy file is read again when it changes', async () => {
    writeFileSync(file, policy('bob'));
    const { acl } = await open();
    expect(await acl(request)).toBe(false);
    writeFileSync(file, policy('alice'));
    await expect.poll(() => acl(request)).toBe(true);
    expect(logged.at(-1)).toMatchObject({ level: 'info', details: { file, rules: 1 } });
  });

  test('a policy file is read again when the link to it is replaced, as mounted configuration does', async () => {
    writeFileSync(join(folder, 'one'), policy('bob'));
    writeFileSync(join(folder, 'two'), policy('alice'));
    symlinkSync(join(folder, 'one'), file);
    const { acl } = await open();
    expect(await acl(request)).toBe(false);
    symlinkSync(join(folder, 'two'), join(folder, 'next'));
    renameSync(join(folder, 'next'), file);
    await expect.poll(() => acl(request)).toBe(true);
  });

  test.each([
    ['a fault', 'version: 1\nrules:\n  - { name: r, effect: deny }\n'],
    ['no YAML', 'rules: [unclosed'],
    ['nothing', ''],
  ])('that changes to %s leaves the policy before it in force, and is told loudly', async (_what, text) => {
    writeFileSync(file, policy('alice'));
    const { acl } = await open();
    writeFileSync(file, text);
    await expect.poll(() => logged.length).toBeGreaterThan(0);
    expect(logged[0]).toMatchObject({
      level: 'error',
      message: expect.stringContaining('the previous one stays in force') as string,
    });
    expect(await acl(request)).toBe(true);
    // Once it is mended, the policy is in force again.
    writeFileSync(file, policy('bob'));
    await expect.poll(() => acl(request)).toBe(false);
  });

  test('a policy file that disappears leaves the policy in force', async () => {
    writeFileSync(file, policy('alice'));
    const { acl } = await open();
    rmSync(file);
    await expect.poll(() => logged.length).toBeGreaterThan(0);
    expect(await acl(request)).toBe(true);
  });

  test('a policy file that is missing or invalid stops the start', async () => {
    await expect(open()).rejects.toThrow(BadPolicy);
    writeFileSync(file, 'rules: 5');
    await expect(open()).rejects.toThrow(/version[\s\S]*rules/);
  });
});

describe('faults in a policy', () => {
  function faultsOf(text: string): string[] {
    try {
      parsePolicy(text, noAcl);
    } catch (error) {
      if (error instanceof BadPolicy) return error.faults.map(({ line, path }) => `${line} ${path}`);
    }
    return [];
  }
  const rule = (more: string): string => `version: 1\nrules:\n  - name: a\n    effect: allow\n${more}`;

  test('all faults are reported, each with its line and its path', () => {
    const text = `version: 2
include: everything
rules:
  - name: a
    effect: allow
    action: gets
    resource: { type: credential }
  - name: a
    effect: deny
    principal:
      group: [ok, "/(/"]
    action: get
    resource:
      type: credentials
      unknown: 1
`;
    expect(faultsOf(text)).toEqual([
      '1 version',
      '2 include',
      '6 rules[0].action',
      '11 rules[1].principal.group[1]',
      '14 rules[1].resource.type',
      '14 rules[1].resource',
    ]);
  });

  test.each([
    [
      'the same name for two rules',
      rule(
        '    action: get\n    resource: { type: ca }\n  - { name: a, effect: deny, action: get, resource: { type: ca } }\n',
      ),
      '7 rules[1].name',
    ],
    ['a rule without a resource', rule('    action: get\n'), '3 rules[0].resource'],
    ['a rule without an action', rule('    resource: { type: "*" }\n'), '3 rules[0].action'],
    [
      'a tag for a type that has none',
      rule('    action: get\n    resource: { type: service, tag: x }\n'),
      '6 rules[0].resource.tag',
    ],
    ['a tag for all types', rule('    action: get\n    resource: { type: "*", tag: x }\n'), '6 rules[0].resource.tag'],
    [
      'additions for a type other than service',
      rule('    action: get\n    resource: { type: credential }\n    adds: { tag: x }\n'),
      '7 rules[0].adds',
    ],
    ['an empty pattern', rule('    action: get\n    resource: { type: ca, id: "" }\n'), '6 rules[0].resource.id'],
    [
      'an empty list of patterns',
      rule('    action: get\n    resource: { type: ca, id: [] }\n'),
      '6 rules[0].resource.id',
    ],
    ['a number for a pattern', rule('    action: get\n    resource: { type: ca, id: 5 }\n'), '6 rules[0].resource.id'],
    ['a key twice', rule('    action: get\n    action: list\n    resource: { type: ca }\n'), '6 '],
  ])('%s is reported as a fault with its line and path', (_what, text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  test('groups match however their accents are written', async () => {
    const text = `version: 1
rules:
  - { name: a, effect: allow, principal: { group: "e\u0301quipe" }, action: get, resource: { type: credential } }
`;
    const member = { ...request, principal: { ...request.principal, groups: groupsOf('\u00e9quipe')! } };
    expect((await decide(parsePolicy(text, noAcl), member)).allowed).toBe(true);
  });

  test('rules may share parts by aliases and merge keys', () => {
    const text = `version: 1
rules:
  - &base { name: a, effect: allow, action: list, resource: { type: service } }
  - { <<: *base, name: b }
`;
    expect(parsePolicy(text, noAcl).rules.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('a file whose aliases expand too far is refused', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `a${i}: &a${i} [${Array(10)
          .fill(i === 0 ? 'x' : `*a${i - 1}`)
          .join(', ')}]`,
    );
    expect(() => parsePolicy(levels.join('\n'), noAcl)).toThrow(BadPolicy);
    expect(() => parsePolicy(`# ${'x'.repeat(2 * 1024 * 1024)}`, noAcl)).toThrow(BadPolicy);
  });
});
