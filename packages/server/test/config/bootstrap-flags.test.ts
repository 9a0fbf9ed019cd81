import { describe, expect, test } from 'vitest';
import { migrationNotes } from '../../src/config/notices.js';
import { readSettings } from '../../src/config/parse.js';

describe.each([
  ['JWT_CERTIFICATE_AUTHORITIES', 'JWT_IS_CA_ENCRYPTED'],
  ['CUSTOM_CERTIFICATE_AUTHORITIES', 'CUSTOM_CA_ENCRYPTED'],
] as const)('%s', (name, flag) => {
  const value = (environment: Record<string, string>): unknown =>
    readSettings(environment, { [name]: 'from-bootstrap' }).settings[name];

  test('comes only from the bootstrap, or only from the variable if its flag is false', () => {
    for (const encrypted of ['true', 'yes']) {
      expect(value({ [name]: 'from-variable', [flag]: encrypted })).toBe('from-bootstrap');
    }
    expect(value({ [name]: 'from-variable' })).toBe('from-bootstrap');
    expect(readSettings({ [name]: 'from-variable' }).settings[name]).toBe('');
    for (const encrypted of ['false', 'False', '0']) {
      expect(value({ [name]: 'from-variable', [flag]: encrypted })).toBe('from-variable');
      expect(value({ [flag]: encrypted })).toBe('');
    }
  });

  test('is mentioned at the start when its variable is ignored', () => {
    expect(migrationNotes({ [name]: 'x' }).join()).toContain(flag);
    expect(migrationNotes({ [name]: 'x', [flag]: 'false' })).toEqual([]);
    expect(migrationNotes({})).toEqual([]);
  });
});
