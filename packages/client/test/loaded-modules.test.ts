import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { runCli } from './support/cli.js';
import { deploy, serviceWith } from './support/deployment.js';

// The number of modules that a command loads decides how soon its first output appears.
const folder = mkdtempSync(join(tmpdir(), 'confidant-start-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// The hooks write to a file, because the output of a thread is lost when its program ends first.
const list = join(folder, 'imports');
const asModule = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;
const hooks = `import { appendFileSync } from 'node:fs';
export function resolve(name, context, next) {
  appendFileSync(${JSON.stringify(list)}, name + '\\n');
  return next(name, context);
}`;
const register = `import { register } from 'node:module'; register(${JSON.stringify(asModule(hooks))});`;
const env = { NODE_OPTIONS: `--import "${asModule(register)}"` };
beforeEach(() => rmSync(list, { force: true }));

/** Every import of the last run, by the name in its import statement. */
const imports = (): string[] => readFileSync(list, 'utf8').trimEnd().split('\n');
/** The packages among the imports. */
const packages = (): string[] =>
  [...new Set(imports().filter((name) => !isBuiltin(name) && !/^(\.|file:|data:)/.test(name)))].sort();

describe('modules that a command loads', () => {
  test('help and version load neither the AWS SDK nor the schemas', async () => {
    for (const option of ['--help', '--version']) {
      await runCli(['confidant', option], { env });
      expect(packages()).toEqual(['commander']);
    }
  });

  test('completion loads nothing of AWS or HTTP', async () => {
    await runCli(['confidant', 'completion', 'bash'], { env });
    expect(packages()).toEqual(['@confidant/contract/wire', 'commander']);
    expect(imports().filter((name) => name.includes('transport'))).toEqual([]);
  });

  test('reading a service with a cached token loads only what it needs', async () => {
    const at = await deploy();
    at.answer(() => ({ body: serviceWith({ key: 'v' }) }));
    const get = ['get_service', '--service', 'web'];
    expect((await at.run(get)).code).toBe(0);
    const { default: profile } = JSON.parse(readFileSync(at.config, 'utf8')) as Record<string, Record<string, unknown>>;
    const yaml = join(at.folder, 'config.yaml');
    writeFileSync(yaml, stringify({ default: profile }));
    const end = await at.run(['--config-files', yaml, ...get], { env });
    expect(end.code).toBe(0);
    expect(packages()).toEqual(['@confidant/contract/wire', '@confidant/kmsauth/sender', 'commander']);
    await at.close();
  });
});
