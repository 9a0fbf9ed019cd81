import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../src/cli/commands/table.js';
import { OUTPUT_FORMATS } from '../src/cli/arguments/command-spec.js';
import { callCli, programPath } from './support/cli.js';
import { writeScript } from './support/recipe-server.js';
import { openTerminal } from './support/terminal.js';

describe('completion', () => {
  let script: string;
  let folder: string;
  beforeAll(async () => {
    script = (await callCli(['confidant', 'completion', 'bash'])).stdout;
    folder = mkdtempSync(join(tmpdir(), 'confidant-completion-'));
    writeScript(
      join(folder, 'confidant'),
      `#!/bin/sh\nexec '${process.execPath}' '${programPath('confidant')}' "$@"\n`,
    );
    const profiles = ['default: {}', 'demo: {}', 'web-production: {}', '"$(touch ran)": {}', '"two words": {}'];
    writeFileSync(join(folder, 'config.yaml'), profiles.join('\n'));
    writeFileSync(join(folder, 'pairs one.json'), '{"key": "value"}');
    writeFileSync(join(folder, 'other.json'), '{}');
    mkdirSync(join(folder, 'folder'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Returns the completions of the last word, in a shell that does not split words. */
  const complete = (...words: string[]): string[] => {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const line = `COMP_LINE='${words.join(' ')}'; COMP_POINT=\${#COMP_LINE}`;
    const call = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; ${line}; _confidant; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { PATH: `${folder}:${process.env['PATH']}`, HOME: folder, CONFIDANT_CONFIG_FILES: 'config.yaml' };
    return execFileSync('bash', ['--norc', '-c', `${script}\n${call}`], { encoding: 'utf8', cwd: folder, env })
      .trim()
      .split('\n');
  };

  test('commands are offered first, then the options of the command', async () => {
    expect(complete('confidant', 'get_s')).toEqual(['get_service']);
    expect(complete('confidant', '--profile', 'env', 'get_ca', '--')).toEqual(['--ca', '--help']);
    expect(complete('confidant', 'env', '--service', 's', '--', '--')).not.toContain('--service');
  });

  test('help is offered, and then the commands', async () => {
    expect(complete('confidant', 'hel')).toEqual(['help']);
    expect(complete('confidant', 'help', 'get_jw')).toEqual(['get_jwt', 'get_jwks']);
    expect(complete('confidant', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    const { stdout: fish } = await callCli(['confidant', 'completion', 'fish']);
    expect(fish).toMatch(/^complete -c confidant -f -n '.*' -a help /m);
    expect(fish).toMatch(/^complete -c confidant -f -n '__fish_seen_subcommand_from help' -a '.*get_jwks.*'/m);
  });

  test('the output formats of the command are offered', async () => {
    expect(complete('confidant', '--output', '')).toEqual([...OUTPUT_FORMATS]);
    expect(complete('confidant', 'list_services', '-o', '')).toEqual(['json', 'yaml', 'id', 'table']);
    expect(complete('confidant', 'get_service', '-o', 't')).toEqual(['tfvars']);
    expect(complete('confidant', '-o', 'do')).toEqual(['dotenv']);
    const { stdout: fish } = await callCli(['confidant', 'completion', 'fish']);
    expect(fish).toMatch(/-l output -r -f -a 'json yaml dotenv shell tfvars id table'/);
  });

  test('the profiles of the configuration are offered, and nothing in their names is run', () => {
    expect(complete('confidant', '--profile', '')).toEqual(['default', 'demo', 'web-production']);
    expect(complete('confidant', 'get_ca', '--profile=de')).toEqual(['--profile=default', '--profile=demo']);
    writeFileSync(join(folder, 'elsewhere.yaml'), 'other: {}');
    for (const files of [['--config-files', 'elsewhere.yaml'], ['--config-files=elsewhere.yaml']]) {
      expect(complete('confidant', ...files, '--profile', '')).toEqual(['other']);
    }
    expect(complete('confidant', '--config-files', '/nonexistent', '--profile', '')).toEqual(['']);
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });

  test('files are offered after @ for JSON options, and no option is offered where a value belongs', () => {
    const create = ['confidant', 'create_credential', '--name', 'n'];
    expect(complete(...create, '--credential-pairs', '')).toEqual(['@']);
    expect(complete(...create, '--credential-pairs', '@pairs')).toEqual(['@pairs\\ one.json']);
    expect(complete(...create, '--metadata=@fold')).toEqual(['--metadata=@folder/']);
    expect(complete('confidant', 'get_service', '--service', '')).toEqual(['']);
    expect(complete('confidant', 'token', '--format', '')).toEqual(['basic', 'headers', 'json']);
    expect(complete('confidant', '--url', 'https://confidant.example.com', 'get_s')).toEqual(['get_service']);
  });

  test('an interactive bash completes while a person types', async () => {
    // The command `show` replaces the program in the typed lines, and prints its arguments.
    const show = `show() { printf '<%s>' "$@"; }\ncomplete -o default -F _confidant show\nPS1='ready> '\n`;
    writeFileSync(join(folder, 'completion.bash'), script + show);
    const terminal = openTerminal('exec bash --noprofile --rcfile completion.bash -i', {
      folder,
      env: { PATH: `${folder}:${process.env['PATH']}`, CONFIDANT_CONFIG_FILES: 'config.yaml' },
    });
    await terminal.shown('ready> ');
    for (const [typed, words] of [
      ['--url https://c.example.com --prof\tdem\tget_se\t', '<--profile><demo><get_service>'],
      ['--profile=web\tlist_ca\t', '<--profile=web-production><list_cas>'],
      ['update_credential --metadata \toth\t--id', '<--metadata><@other.json><--id>'],
      ['create_credential --credential-pairs @pa\t', '<--credential-pairs><@pairs one.json>'],
      ['create_credential --credential-pairs=@pa\t', '<--credential-pairs=@pairs one.json>'],
    ] as const) {
      terminal.type(`show ${typed}\r`);
      await terminal.shown(words);
    }
    terminal.type('exit\r');
    expect((await terminal.ended).code).toBe(0);
  });

  test('every shell completes every command, and an unknown shell is refused', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { stdout } = await callCli(['confidant', 'completion', shell]);
      for (const { name } of COMMANDS) expect(stdout).toContain(name);
    }
    expect((await callCli(['confidant', 'completion', 'cmd'])).code).toBe(2);
  });
});
