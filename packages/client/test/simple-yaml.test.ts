import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parsePlainYaml } from '../src/sdk/config/simple-yaml.js';

/** Parses YAML 1.1 like the reader of configuration files; undefined for invalid text. */
function parsed(text: string): unknown {
  try {
    return parse(text, { version: '1.1', logLevel: 'silent', prettyErrors: false });
  } catch {
    return undefined;
  }
}
const agrees = (text: string): void => {
  const plain = parsePlainYaml(text);
  if (plain !== undefined) expect([text, plain]).toEqual([text, parsed(text)]);
};

describe('simple YAML', () => {
  test('simple files are read without the YAML parser: those of the guide and the recipes, and one with all simple values', () => {
    const guide = readFileSync(new URL('../../../docs/client.md', import.meta.url), 'utf8');
    const recipe = readFileSync(new URL('../../../docs/recipes/config.yaml', import.meta.url), 'utf8');
    const full = `# who asks
default:
  url: https://confidant.example.com:8443/base   # the server

  auth_key: arn:aws:kms:us-east-1:123456789012:key/1-2
  auth_context:
      from: web-production
      to: 'confidant production'
  token_lifetime: 10
  token_cache_file: ""
  verify: true
  command_wrap: aws-vault exec prod --
  offline_copy: ~/copies
other:
empty: # nothing
`;
    for (const text of [/```yaml\n(.*?)```/s.exec(guide)![1]!, recipe, full]) {
      expect(parsePlainYaml(text)).toBeDefined();
      agrees(text);
    }
  });

  test('keys that YAML reads as numbers are left to the parser', () => {
    for (const text of ['e0: a', 'E12: a', 'e-12: a', 'e1_0:', 'default:\n  e5: 1']) {
      agrees(text);
      expect([text, parsePlainYaml(text)]).toEqual([text, undefined]);
    }
  });

  test('everything that could be read differently is left to the parser', () => {
    const values =
      'yes|No|ON|y|~|null|.5|1.0|0x1F|0o7|012|1:30|1_000|-1|1e3|2001-01-01|<<|*a|&a b|!t x|[a]|{a: b}|"a\\n"'
        .split('|')
        .concat([
          "'it''s'",
          '|',
          '>',
          'a: b',
          'a:',
          'a #b:',
          '- a',
          '@a',
          '`a',
          '%a',
          '"a" b',
          "''''",
          '.inf',
          'a\tb',
          'ä',
          '? a',
        ]);
    for (const value of values) agrees(`key: ${value}\n`);
    for (const value of values) agrees(`${value}: key\n`);
    const texts = [
      'a: 1\na: 2',
      'a:\n  b: 1\n c: 2',
      'a: b\n  c',
      'a: b\n  c: d',
      ' a: 1',
      '__proto__: 1',
      '- a: 1',
      '---\na: 1',
    ];
    for (const text of [
      ...texts,
      'a: 1\n...\n',
      'a:\n  b: 1\n  - c',
      '',
      '# only',
      'a:b',
      'a: 1\r\nb: 2',
      'a:\n\tb: 1',
    ]) {
      expect([text, parsePlainYaml(text)]).toEqual([text, undefined]);
    }
  });

  test('the result always equals that of the parser', () => {
    const token = fc.constantFrom(
      ...[
        'a',
        'b1',
        'yes',
        'null',
        '10',
        '007',
        '1:2',
        'x:y',
        '~',
        '~/p',
        ':',
        '-',
        '#',
        '"',
        "'",
        '""',
        "'a b'",
        '"c"',
      ],
      ...[
        ' ',
        '  ',
        '\n',
        '\n  ',
        '\n    ',
        ': ',
        ':\n  ',
        ' # c',
        '.',
        '/',
        '@',
        '!',
        '*',
        '&',
        '[',
        ']',
        '{',
        '}',
        ',',
        '|',
        '>',
        '<<',
        '%',
        '?',
        '\\',
      ],
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 14 }), (tokens) => agrees(tokens.join(''))),
      { numRuns: 3000 },
    );
    const usual = fc.constantFrom('', 'x y', '"q"', "'q w'", '10', 'true', 'http://x:1/y', 'no', 'a -- b', '~/a');
    const word = fc.oneof(fc.stringMatching(/^[\w./@:~ "'#-]{0,12}$/), usual);
    const line = fc.tuple(
      fc.constantFrom('', '  ', '    '),
      fc.constantFrom('a', 'b', 'c', 'd'),
      word,
      fc.constantFrom('', ' # x'),
    );
    const lines = fc.array(
      line.map(([indent, key, value, comment]) => `${indent}${key}: ${value}${comment}\n`),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(lines, (of) => agrees(of.join(''))),
      { numRuns: 3000 },
    );
  });
});
