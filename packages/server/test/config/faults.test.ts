import { expect, test } from 'vitest';
import { describeFaults } from '../../src/config/faults.js';
import { readSettings } from '../../src/config/parse.js';

test('invalid settings are counted and listed, one a line', () => {
  const one = readSettings({ PORT: 'x' }).faults;
  expect(describeFaults(one)).toBe(
    'Confidant cannot start: 1 invalid setting.\n  PORT: expected a whole number, 0 to 65535\n',
  );
  const two = readSettings({ PORT: 'x', USE_AUTH: 'false', HOST: '0.0.0.0', ALLOW_INSECURE_LISTEN: 'true' }).faults;
  expect(describeFaults(two)).toMatch(/^Confidant cannot start: 2 invalid settings\.\n {2}PORT: .*\n {2}HOST: .*\n$/);
});

test.each(['127.0.0.1', '127.8.9.10', 'localhost', '::1'])(
  'the embedded server without authentication may listen on %s',
  (HOST) => {
    expect(readSettings({ HOST, USE_AUTH: 'false' }).faults).toEqual([]);
  },
);

test.each(['0.0.0.0', '127.evil.com', '127.1', '10.0.0.1'])(
  'the embedded server may not listen on %s, nor may a server without authentication',
  (HOST) => {
    const faults = readSettings({ HOST, USE_AUTH: 'false' }).faults.map(({ setting }) => setting);
    expect(faults).toEqual(['USE_AUTH', 'HOST']);
  },
);

test('there are settings of SAML only if people log in with SAML', () => {
  const saml = { USER_AUTH_MODULE: 'saml', SAML_CONFIDANT_URL_ROOT: 'https://confidant.example.com/' };
  expect(readSettings(saml).settings.saml).toMatchObject({
    consumeUrl: 'https://confidant.example.com/v1/saml/consume',
  });
  expect(readSettings({ ...saml, USE_AUTH: 'false' }).settings.saml).toBeUndefined();
  expect(readSettings({ ...saml, USER_AUTH_MODULE: 'local' }).settings.saml).toBeUndefined();
});
