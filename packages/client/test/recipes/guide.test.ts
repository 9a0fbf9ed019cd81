import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../src/cli/arguments/parse.js';
import { COMMANDS } from '../../src/cli/commands/table.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const text = (path: string): string => readFileSync(ROOT + path, 'utf8');
const guide = text('docs/recipes.md');

describe('the guide to the recipes', () => {
  test('the guide links every recipe, and no missing file', () => {
    const files = readdirSync(`${ROOT}docs/recipes`, { recursive: true, encoding: 'utf8' })
      .map((path) => `recipes/${path}`)
      .filter((path) => statSync(`${ROOT}docs/${path}`).isFile());
    const linked = [...guide.matchAll(/\]\((recipes\/[^)#]+)\)/g)].map(([, path]) => path!);
    expect([...new Set(linked)].sort()).toEqual(files.sort());
  });

  test('the README and the guide to the command line link the guide to the recipes', () => {
    expect(text('README.md')).toContain('(docs/recipes.md)');
    expect(text('docs/client.md')).toContain('(recipes.md)');
  });

  test('the command lines in the guide can be parsed', () => {
    const blocks = [...guide.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block!).join('');
    const shown = [...blocks.matchAll(/\$\(confidant ([^)]*)\)/g), ...guide.matchAll(/`confidant ([a-z][^`]*)`/g)];
    expect(shown.length).toBeGreaterThan(3);
    for (const [line, words] of shown) {
      const argv = words!.split(' ');
      const whole = argv[0] === 'run' ? [...argv, '--service', 'web'] : argv;
      expect([line, parseArguments(whole, COMMANDS).kind]).toEqual([line, 'run']);
    }
  });
});
