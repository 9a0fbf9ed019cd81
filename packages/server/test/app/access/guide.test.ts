import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadAclModule } from '../../../src/adapters/access/acl-module.js';
import { webhookSignature } from '../../../src/adapters/telemetry/webhook.js';
import { adminMain } from '../../../src/admin/cli.js';

const guide = (name: string): string => readFileSync(new URL(`../../../../../docs/${name}`, import.meta.url), 'utf8');
const block = (text: string, language: string): string =>
  new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(text)![1]!;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'confidant-guide-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('examples in the guides', () => {
  test('the policy in the guide decides as the guide says', async () => {
    const text = guide('access-control.md');
    const policy = join(directory, 'policy.yaml');
    writeFileSync(policy, block(text, 'yaml'));
    const session = /```\n(\$ confidant-admin[\s\S]*?)```/.exec(text)![1]!;
    const commands = session.replaceAll('\\\n', '').split('$ confidant-admin ').slice(1);
    expect(commands).toHaveLength(2);
    for (const command of commands) {
      const [line, ...shown] = command.trim().split('\n');
      const args = line!
        .trim()
        .split(/\s+/)
        .map((word) => (word === 'policy.yaml' ? policy : word));
      let out = '';
      await adminMain(args, {
        environment: { ACL_POLICY_FILE: policy },
        out: (chunk) => void (out += chunk.replaceAll(policy, 'policy.yaml')),
        err: (chunk) => void (out += chunk),
      });
      expect(out).toBe(`${shown.join('\n')}\n`);
    }
  });

  test('the ACL module in the guide loads and decides', async () => {
    writeFileSync(join(directory, 'acl.mjs'), block(guide('access-control.md'), 'js'));
    const acl = await loadAclModule({ spec: './acl.mjs:check', directory });
    const principal = {
      name: 'web',
      type: 'service',
      account: null,
      groups: [],
      authenticatedBy: 'kms-token',
    } as const;
    expect(await acl({ principal, resourceType: 'service', action: 'get', resourceId: 'web' })).toBe(true);
    expect(await acl({ principal, resourceType: 'service', action: 'get', resourceId: 'other' })).toBe(false);
  });

  test('the webhook verification in the guide accepts our signature and no other', async () => {
    const file = join(directory, 'verify.mjs');
    writeFileSync(file, block(guide('events.md'), 'js'));
    const { isFromConfidant } = (await import(pathToFileURL(file).href)) as {
      isFromConfidant(key: string, headers: Record<string, string>, body: string): boolean;
    };
    const now = Math.floor(Date.now() / 1000);
    const headers = (key: string, at: number, body: string): Record<string, string> =>
      Object.fromEntries(
        Object.entries(webhookSignature(key, at, body)).map(([name, value]) => [name.toLowerCase(), value]),
      );
    expect(isFromConfidant('k', headers('k', now, '{}'), '{}')).toBe(true);
    expect(isFromConfidant('k', headers('other', now, '{}'), '{}')).toBe(false);
    expect(isFromConfidant('k', headers('k', now, '{}'), '{ }')).toBe(false);
    expect(isFromConfidant('k', headers('k', now - 3600, '{}'), '{}')).toBe(false);
    expect(isFromConfidant('k', {}, '{}')).toBe(false);
  });
});
