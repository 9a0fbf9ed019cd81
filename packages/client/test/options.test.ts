import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { OptionSpec } from '../src/cli/arguments/command-spec.js';
import { toOptions, type OptionsOf } from '../src/cli/arguments/options.js';
import type { Handlers } from '../src/cli/commands/handler.js';

const SPECS = [
  { flags: '-s, --service <name>', text: '', required: true },
  { flags: '--prefix <prefix>', text: '', fallback: 'P_' },
  { flags: '--name <name>', text: '' },
  { flags: '--limit <n>', text: '', kind: 'whole' },
  { flags: '--cred-ids <ids...>', text: '' },
  { flags: '--metadata <json>', text: '', kind: 'json' },
  { flags: '--format <format>', text: '', choices: ['a', 'b'] },
  { flags: '--dry-run', text: '' },
  { flags: '--no-browser', text: '' },
] as const satisfies readonly OptionSpec[];
type Options = OptionsOf<(typeof SPECS)[number]>;

const folder = mkdtempSync(join(tmpdir(), 'confidant-options-'));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (values: Record<string, unknown>): Options => toOptions(SPECS, values) as Options;

describe('options', () => {
  test('flags are true or false and lists are empty when they were not given, other options are undefined', () => {
    expect(read({ service: 'web', prefix: 'P_' })).toEqual({
      service: 'web',
      prefix: 'P_',
      name: undefined,
      limit: undefined,
      credIds: [],
      metadata: undefined,
      format: undefined,
      dryRun: false,
      browser: false,
    });
    expect(read({ dryRun: true, browser: true, credIds: ['1'], limit: 2 })).toMatchObject({
      dryRun: true,
      browser: true,
      credIds: ['1'],
      limit: 2,
    });
  });

  test('a JSON option is read only when a command asks for its object', () => {
    const path = join(folder, 'later.json');
    const { metadata } = read({ metadata: `@${path}` });
    writeFileSync(path, '{"a": 1}');
    expect(metadata?.read()).toEqual({ a: 1 });
    expect(() => read({ metadata: '{"a": 1, "a": 2}' }).metadata?.read({ uniqueKeys: true })).toThrow('twice');
  });

  // In the next two tests the compiler checks the assertions, since it checks the tests too.
  test('a misspelt or undeclared option, or one of another type, does not compile', () => {
    const options = read({ service: 'web', prefix: 'P_' });
    const service: string = options.service;
    const format: 'a' | 'b' | undefined = options.format;
    // @ts-expect-error the option is --service
    const misspelt: unknown = options.servce;
    // @ts-expect-error it may be absent
    const absent: string = options.name;
    // @ts-expect-error it is a number
    const number: string | undefined = options.limit;
    // @ts-expect-error a choice is one of the choices
    const choice: 'c' | undefined = options.format;
    expect([service, format, misspelt, absent, number, choice]).toHaveLength(6);
  });

  test('a module without the handler of one of its commands, or with another one, does not compile', () => {
    const outcome = { exitCode: 0 };
    const complete: Handlers<'token'> = { token: async () => outcome };
    // @ts-expect-error the handler of token is missing
    const missing: Handlers<'token'> = {};
    // @ts-expect-error there is no command tokn
    const surplus: Handlers<'token'> = { token: async () => outcome, tokn: async () => outcome };
    // @ts-expect-error token has no option --limit
    const wrong: Handlers<'token'> = { token: async (_context, { limit }) => ({ ...outcome, body: limit }) };
    expect([complete, missing, surplus, wrong]).toHaveLength(4);
  });
});
