import { ROUTES } from '@confidant/contract';
import { expect, test } from 'vitest';
import { AllowedMethods } from '../../src/http/allowed-methods.js';

const table = new AllowedMethods();
for (const { method, path } of Object.values(ROUTES)) table.add(method, path);
table.add('GET', '/custom/modules/*');
table.add('GET', '/robots.txt');

test('every route of the contract is allowed at its own path', () => {
  for (const { method, path } of Object.values(ROUTES)) {
    expect(table.of(path.replaceAll(/:\w+/g, 'some.thing'))).toContain(method);
  }
});

test.each([
  ['/v1/credentials', ['GET', 'POST']],
  ['/v1/credentials/x', ['GET', 'PUT']],
  ['/v1/user/email', ['GET', 'POST']],
  ['/custom/modules/a/b.js', ['GET']],
  ['/robots.txt', ['GET']],
])('%s allows %j', (path, methods) => {
  expect(table.of(path)).toEqual(methods);
});

test.each(['/', '', '/v1/credentials/', '/v1/credentialsx', '/x/v1/credentials', '/custom/modules/', '/robotsxtxt'])(
  '%j allows no method',
  (path) => {
    expect(table.of(path)).toEqual([]);
  },
);
