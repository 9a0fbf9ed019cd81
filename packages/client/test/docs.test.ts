import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../src/cli/commands/table.js';
import { expandArguments } from '../src/cli/arguments/expand.js';
import { parseArguments } from '../src/cli/arguments/parse.js';
import { longName, OUTPUT_FORMATS } from '../src/cli/arguments/command-spec.js';
import { GLOBAL_OPTIONS } from '../src/cli/arguments/global-options.js';

const guide = readFileSync(new URL('../../../docs/client.md', import.meta.url), 'utf8');

describe('the guide', () => {
  test('the guide names every command, option and output format', () => {
    const named = [
      ...COMMANDS.flatMap(({ name, options }) => [name, ...options.map((option) => `--${longName(option)}`)]),
      ...GLOBAL_OPTIONS.map((option) => `--${longName(option)}`),
      ...OUTPUT_FORMATS.map((format) => `\`${format}\``),
    ];
    expect(named.filter((name) => !guide.includes(name))).toEqual([]);
  });

  test('the command lines that the guide shows can be parsed', () => {
    const blocks = [...guide.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block!.replaceAll('\\\n', ' '));
    const lines = blocks.flatMap((block) => block.split('\n')).filter((line) => /(^|npx |\(|\| )confidant /.test(line));
    expect(lines.length).toBeGreaterThan(30);
    for (const line of lines) {
      const typed = /(?:^|npx |\(|\| )confidant (.*)/.exec(line.split(/ +#/)[0]!)![1]!.split(/ [|>] |\)"/)[0]!;
      const argv = typed.match(/'[^']*'|"[^"]*"|\S+/g)!.map((word) => word.replaceAll(/^['"]|['"]$/g, ''));
      const { command } = expandArguments(argv, COMMANDS);
      const numbered = argv.map((word) => (word === 'N' ? '1' : word));
      expect([line, parseArguments(numbered, COMMANDS).kind]).toEqual([line, command === 'COMMAND' ? 'print' : 'run']);
    }
  });
});
