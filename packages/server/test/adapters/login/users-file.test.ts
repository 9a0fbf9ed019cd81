import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { usersFile } from '../../../src/adapters/login/users-file.js';

test('a users file that is neither a map nor a list is refused, and an empty one admits nobody', () => {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-users-'));
  const file = join(folder, 'users.yaml');
  try {
    for (const content of ['7', 'true', 'just text', '- 7', '- [a@example.com]']) {
      writeFileSync(file, content);
      expect(() => usersFile(file), content).toThrow('USERS_FILE cannot be used: expected a YAML map');
    }
    writeFileSync(file, '# nobody\n');
    expect([...usersFile(file)()]).toEqual([]);
    writeFileSync(file, 'Alice@Example.com: Alice\n');
    expect([...usersFile(file)()]).toEqual(['alice@example.com']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
