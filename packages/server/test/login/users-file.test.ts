import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { usersFile } from '../../src/adapters/login/users-file.js';
import { startServer } from '../harness/server.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-users-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function peopleIn(text: string | Buffer): string[] {
  const file = join(folder, 'users.yaml');
  writeFileSync(file, text);
  return [...usersFile(file)()].sort();
}

const ALICE_AND_BOB = ['alice@x.y', 'bob@x.y'];

describe('USERS_FILE is read as the original does with PyYAML:', () => {
  const forms: Record<string, string> = {
    'a map': 'alice@x.y: Alice\nbob@x.y: Bob\n',
    'a map in which an address is there twice': 'alice@x.y: A\nbob@x.y: B\nbob@x.y: Robert\n',
    'a map with an alias for a name': 'alice@x.y: &a Alice\nbob@x.y: *a\n',
    'a map with an alias for an address': 'alice@x.y: &b bob@x.y\n*b : Bob\n',
    'a map with a merge key': 'alice@x.y: Alice\n<<: {bob@x.y: Bob, alice@x.y: Other}\n',
    'a map with several merged maps': '<<: [{alice@x.y: A}, {bob@x.y: B}, {bob@x.y: C}]\n',
    'a map that merges one that merges another': '<<: &two\n  <<: &one {alice@x.y: A}\n  bob@x.y: B\n',
    'a map without names': 'alice@x.y:\nbob@x.y:\n',
    'a map of any values': 'alice@x.y: {team: ops}\nbob@x.y: [1, 2]\n',
    'a map with tags': '!!map\nalice@x.y: !!str Alice\nbob@x.y: Bob\n',
    'a set': '!!set {alice@x.y, bob@x.y}\n',
    'a map as JSON': '{"alice@x.y": "Alice", "bob@x.y": "Bob"}',
    'a list': '- alice@x.y\n- bob@x.y\n',
    'a list in which an address is there twice, by an alias': '- &a alice@x.y\n- bob@x.y\n- *a\n',
    'a list in quotes, with comments': '# people\n["alice@x.y", \'bob@x.y\'] # end\n',
    'with a byte order mark and the line ends of Windows': '\uFEFFalice@x.y: A\r\nbob@x.y: B\r\n',
    'with a directive and document marks': '%YAML 1.1\n---\nalice@x.y: A\nbob@x.y: B\n...\n',
  };
  for (const [name, text] of Object.entries(forms)) {
    test(name, () => expect(peopleIn(text)).toEqual(ALICE_AND_BOB));
  }

  test('an anchored map beside those whom it is merged into', () => {
    expect(peopleIn('team: &team\n  alice@x.y: A\n<<: *team\nbob@x.y: B\n')).toEqual([...ALICE_AND_BOB, 'team']);
  });

  test('an empty file, which admits nobody', () => {
    for (const text of ['', '\n# nobody\n', '---\n', '~\n', '[]', '{}']) expect(peopleIn(text)).toEqual([]);
  });
});

test('USERS_FILE admits everybody it names, however many share one alias', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `p${index}@x.y`);
  expect(peopleIn(`a@x.y: &a A\n${names.map((name) => `${name}: *a\n`).join('')}`)).toHaveLength(20_001);
});

test('USERS_FILE with aliases that would expand without end costs no more than its length', () => {
  const level = (name: string, of: string) => `${name}: &${name}\n  <<: [${Array(9).fill(`*${of}`).join(', ')}]\n`;
  const names = Array.from({ length: 40 }, (_, index) => `l${index}`);
  const bomb = `l: &l {alice@x.y: A}\n${names.map((name, index) => level(name, names[index - 1] ?? 'l')).join('')}`;
  expect(peopleIn(`${bomb}<<: *l39\n`)).toContain('alice@x.y');
  expect(peopleIn('&self\nalice@x.y: A\n<<: *self\nbob@x.y: B\n')).toEqual(ALICE_AND_BOB);
});

describe('USERS_FILE is refused with an error that names the setting:', () => {
  const bad: Record<string, string> = {
    'a text': 'just text',
    'a number': '7',
    'a list of maps': '- alice@x.y: Alice\n',
    'a list with an empty entry': '- alice@x.y\n-\n',
    'not YAML': 'alice@x.y: [',
    'two documents': 'alice@x.y: A\n---\nbob@x.y: B\n',
    'an alias without an anchor': 'alice@x.y: A\n*b : B\n',
    'a value that is an alias without an anchor': 'alice@x.y: *a\n',
    'a merge key with something else': 'alice@x.y: A\n<<: bob@x.y\n',
  };
  for (const [name, text] of Object.entries(bad)) {
    test(name, () => expect(() => peopleIn(text)).toThrow(/^USERS_FILE cannot be used: /));
  }

  test('a directory, and a file that disappeared', () => {
    expect(() => usersFile(folder)).toThrow(/^USERS_FILE cannot be used: /);
    expect(() => usersFile(join(folder, 'missing'))).toThrow(/^USERS_FILE cannot be used: /);
  });

  test('at the start of the server', async () => {
    const file = join(folder, 'bad.yaml');
    writeFileSync(file, 'just text');
    await expect(
      startServer({ USER_AUTH_MODULE: 'header', HEADER_AUTH_EMAIL_HEADER: 'X-Email', USERS_FILE: file }),
    ).rejects.toThrow('USERS_FILE');
  });
});
