import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExactNumber } from '@confidant/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { conflictsOf, isPortableName, isShellName, shellQuote, variablesOf } from '../src/text/variables.js';
import { isTerraformName, toDotenv, toShell, toTfvars, toYaml } from '../src/text/writers.js';
import { runCli } from './support/cli.js';
import { recordings } from './support/golden.js';

const folder = mkdtempSync(join(tmpdir(), 'confidant-format-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('confidant-format prints what the recorded one printed', () => {
  const all = recordings();
  const outputs = ['get_service as service (blind decrypted)', 'get_service as user --no-decrypt-blind'].map(
    (name) => all.find((recording) => recording.name === name)!.stdout,
  );
  const formats = all.filter(({ argv, name }) => argv[0] === 'confidant-format' && name !== 'format jinja');

  for (const { name, argv, stdin, stdout, rc } of formats) {
    test(name, async () => {
      const input = stdin?.startsWith('<stdin') ? outputs[name.includes('raw blind') ? 1 : 0]! : (stdin ?? '');
      const end = await runCli(argv, { stdin: input });
      expect(end).toMatchObject({ stdout, code: rc });
      if (rc !== 0) expect(end.stderr).toMatch(/^confidant-format: error: /);
    });
  }

  test('the output of a failed get_service is an error with its reason, not an empty service', async () => {
    for (const form of ['env_export', 'credential_combined']) {
      const stdin = '{"result": false, "error": "Access denied."}';
      const end = await runCli(['confidant-format', '--out-format', form], { stdin });
      expect(end).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('failed: Access denied.') });
    }
  });

  test('a value that env_export cannot write is an error that names key, credential and an alternative', async () => {
    const service = (pairs: string) =>
      `{"service": {"revision": 1, "credentials": [{"id": "c1", "name": "Billing", "credential_pairs": ${pairs}}]}}`;
    const told = async (pairs: string) => {
      const end = await runCli(['confidant-format', '--out-format', 'env_export'], { stdin: service(pairs) });
      expect(end).toMatchObject({ code: 1, stdout: '' });
      return end.stderr;
    };
    // compat: the original prints a number like this.
    for (const value of ['12345678901234567890', 'true', 'null']) {
      expect(await told(`{"ok": "v", "big": ${value}}`)).toBe(
        'confidant-format: error: the value of big of Billing (c1) is not text: use confidant env --output shell to print it\n',
      );
    }
    expect(await told('{"nul": "a\\u0000"}')).toBe(
      'confidant-format: error: the value of nul of Billing (c1) contains a NUL character\n',
    );
  });

  test('keys that are not valid names and duplicate keys are warnings, and nothing else is', async () => {
    const exported = formats.find(({ name }) => name === 'format env_export odd keys')!;
    const combined = formats.find(({ name }) => name === 'format credential_combined odd keys')!;
    const first = await runCli(exported.argv, { stdin: exported.stdin! });
    expect(first.stderr.match(/bad-key|1num/g)).toEqual(['bad-key', '1num']);
    expect(first.stderr.split('\n')).toHaveLength(3);
    const second = await runCli(combined.argv, { stdin: combined.stdin! });
    expect(second.stderr).toMatch(/n2 \(i2\)/);
    expect(second.stderr.split('\n')).toHaveLength(2);
  });

  test('jinja renders a template file into a file that only its owner can read', async () => {
    const at = (name: string) => join(folder, name);
    writeFileSync(at('in.json'), outputs[0]!);
    writeFileSync(
      at('template.j2'),
      'a = {{ secrets.cred03_key }}\n{% if secrets.none is not defined %}\nb\n{% endif %}\nc\n',
    );
    const argv = ['--in', at('in.json'), '--out-f', 'jinja', '--templ', at('template.j2'), '--out', at('out')];
    expect(await runCli(['confidant-format', ...argv])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    // As in Jinja2, blocks keep their line breaks, and the last line break of the template is dropped.
    expect(readFileSync(at('out'), 'utf8')).toBe('a = value-03\n\nb\n\nc');
    expect(statSync(at('out')).mode & 0o777).toBe(0o600);
  });

  test('wrong arguments end with 2, and input that is not JSON with 1, without quoting it', async () => {
    expect((await runCli(['confidant-format'])).code).toBe(2);
    expect((await runCli(['confidant-format', '--out-format', 'xml'])).code).toBe(2);
    const mistyped = await runCli(['confidant-format', '--out-fromat', 'jinja']);
    expect(mistyped).toMatchObject({ code: 2, stdout: '' });
    expect(mistyped.stderr).toContain("unknown option '--out-fromat'; did you mean --out-format?");
    expect((await runCli(['confidant-format', '--out-format', 'env_export', '--in', '/nonexistent/x'])).code).toBe(2);
    const other = await runCli(['confidant-format', '--out-format', 'env_export'], { stdin: '{"credential": {}}' });
    expect(other).toMatchObject({ code: 0, stderr: expect.stringContaining('the input has no credentials') as string });
    const end = await runCli(['confidant-format', '--out-format', 'env_export'], { stdin: '{"service": s3cret' });
    expect(end).toMatchObject({ code: 1, stdout: '' });
    expect(end.stderr).not.toContain('s3cret');
  });
});

const NASTY = {
  plain: 'value-1',
  quotes: `it's $HOME "q" \`x\` \\ end\\`,
  lines: 'line 1\nline 2\n\ttabbed # no comment',
  unicode: 'pä$$ ü 😀',
  empty: '',
  spaces: '  kept  ',
  interpolation: '${PATH} %{if} $(id) $$',
  number: new ExactNumber('12345678901234567890'),
  truth: true,
  nothing: null,
};
const asText = Object.fromEntries(
  Object.entries(NASTY).map(([key, value]) => [
    key,
    value === null ? '' : value instanceof ExactNumber ? value.text : String(value),
  ]),
);
const variables = variablesOf([{ id: 'i', name: 'n', pairs: NASTY }], 'p_');

describe('output formats', () => {
  test('a shell reads the output shell as the same values', () => {
    const script = `${toShell(variables)}\nfor name in ${variables.map(({ name }) => name).join(' ')}; do eval "printf '%s\\0' \\"\\$$name\\""; done`;
    const values = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
    expect(values).toEqual(Object.values(asText));
  });

  test('Node reads the output dotenv as the same values, and values that readers disagree on are refused', () => {
    const writable = variables.filter(({ key }) => key !== 'quotes' && key !== 'interpolation');
    writeFileSync(join(folder, '.env'), toDotenv(writable));
    const read = execFileSync(
      process.execPath,
      [`--env-file=${join(folder, '.env')}`, '-p', 'JSON.stringify(process.env)'],
      { env: {}, encoding: 'utf8' },
    );
    const environment = JSON.parse(read) as Record<string, string>;
    for (const { name, key } of writable) expect(environment[name]).toBe(asText[key]);
    expect(() => toDotenv(variables)).toThrow(/the value of P_QUOTES cannot be written as dotenv/);
    for (const value of ['\\\\server\\share', 'x${HOME}y', '${NOPE:-z}', 'a\r\nb', 'a\rb', `it's \\ a "x"`]) {
      expect(() => toDotenv(variablesOf([{ id: 'i', name: 'n', pairs: { value } }], ''))).toThrow(/VALUE cannot/);
    }
  });

  test('tfvars escapes quotes, line breaks and interpolation as HCL requires', () => {
    const lines = toTfvars(variables).split('\n');
    expect(lines).toContain('number = 12345678901234567890');
    expect(lines).toContain('truth = true');
    expect(lines).toContain('nothing = null');
    expect(lines).toContain('interpolation = "$${PATH} %%{if} $(id) $$"');
    expect(lines).toContain(String.raw`lines = "line 1\nline 2\n\ttabbed # no comment"`);
    const backslashes = toTfvars(variablesOf([{ id: 'i', name: 'n', pairs: { a: 'CORP\\bob\\f', b: '\b\f\\' } }], ''));
    expect(backslashes).toBe('a = "CORP\\\\bob\\\\f"\nb = "\\u0008\\u000c\\\\"\n');
    expect(isTerraformName('a-b_1')).toBe(true);
    expect(isTerraformName('1a')).toBe(false);
  });

  test('yaml has sorted keys and every digit, and quotes ambiguous text', async () => {
    const text = await toYaml({ b: { number: NASTY.number, yes: 'yes', octal: '010' }, a: [NASTY.lines] });
    expect(text.indexOf('a:')).toBeLessThan(text.indexOf('b:'));
    expect(text).toContain('number: 12345678901234567890');
    const read: unknown = parseYaml(text, { version: '1.1', intAsBigInt: true });
    expect(read).toEqual({ a: [NASTY.lines], b: { number: 12345678901234567890n, octal: '010', yes: 'yes' } });
  });

  test('yaml quotes and escapes text that PyYAML would reject or change', async () => {
    const texts = [
      'x\ty',
      '=',
      '<<',
      'a\u2028b',
      'a\u007fb',
      'a\u0085b',
      'a\u009fb',
      'a\ufffeb',
      '\ufeffa',
      'a\rb',
      'a\r\nb',
    ];
    const text = await toYaml({ texts, 'key\t\u0085': new ExactNumber('1.0'), big: new ExactNumber('0.10') });
    expect(text).not.toMatch(/[\t\r\x7f-\x9f\u2028\ufeff\ufffe]/);
    expect(text).toContain('- "="\n');
    expect(text).toContain('- "<<"\n');
    expect(text).toContain(': 1.0\n');
    expect(text).toContain('big: 0.10\n');
    expect(parseYaml(text, { version: '1.1' })).toEqual({ texts, 'key\t\u0085': 1, big: 0.1 });
  });

  test('a NUL character, which no environment can hold, is refused by name', () => {
    const bad = variablesOf([{ id: 'i', name: 'n', pairs: { k: 'a\0b' } }], '');
    expect(() => toShell(bad)).toThrow('the value of K contains a NUL character');
  });
});

describe('names', () => {
  test('a name is a word as in Python: letters and digits of any script, not beginning with a digit', () => {
    for (const good of ['a', '_x1', 'Übel', 'ключ', 'a²']) expect(isShellName(good)).toBe(true);
    for (const good of ['a', '_X1']) expect(isPortableName(good)).toBe(true);
    for (const bad of ['', '1a', 'a-b', 'ÜBEL', 'a²']) expect(isPortableName(bad)).toBe(false);
    for (const bad of ['', '1num', '٣a', 'bad-key', 'a b', 'a.b', "a'"]) expect(isShellName(bad)).toBe(false);
  });

  test('names that two credentials set are conflicts, but a credential does not conflict with itself', () => {
    const twice = variablesOf(
      [
        { id: '1', name: 'one', pairs: { a: 'x', b: 'x' } },
        { id: '2', name: 'two', pairs: { A: 'y' } },
      ],
      '',
    );
    expect(conflictsOf(twice).map(({ name, source }) => [name, source.id])).toEqual([['A', '2']]);
    expect(conflictsOf(variablesOf([{ id: '1', name: 'one', pairs: { a: 'x', A: 'y' } }], ''))).toEqual([]);
  });

  test('values are quoted as by the recorded program', () => {
    expect(["it's", '', 'a=b', 'ü', 'a b'].map(shellQuote)).toEqual([`'it'"'"'s'`, "''", 'a=b', "'ü'", "'a b'"]);
  });
});
