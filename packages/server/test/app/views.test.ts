import { expect, test } from 'vitest';
import { blindCredentialView } from '../../src/app/blind-credential-view.js';
import { visibleCredential } from '../../src/app/credential-view.js';

const common = {
  id: 'c1',
  revision: 1,
  name: 'database',
  enabled: true,
  documentation: null,
  metadata: {},
  modifiedBy: 'alice',
  modifiedDate: null,
};
const credential = {
  ...common,
  tags: [],
  sealed: { token: 'SECRET-token', dataKey: 'SECRET-data-key', cipherVersion: 2 },
  lastRotationDate: null,
  lastDecryptedDate: null,
};
const blind = {
  ...common,
  credentialPairs: { 'us-east-1': 'SECRET-ciphertext' },
  dataKey: { 'us-east-1': 'SECRET-data-key' },
  credentialKeys: ['password'],
  cipherType: 'fernet',
  cipherVersion: 2,
};

test('a view for a caller who may not see the values holds neither values nor ciphertext', () => {
  const view = visibleCredential(credential, { password: 'SECRET-value' }, false);
  expect([view.keys, view.pairs, JSON.stringify(view).includes('SECRET')]).toEqual([['password'], undefined, false]);
  const blindView = blindCredentialView(blind, false);
  expect([blindView.ciphertext, JSON.stringify(blindView).includes('SECRET')]).toEqual([undefined, false]);
});

test('a view for a caller who may see the values holds them, and of a blind credential its ciphertext', () => {
  const view = visibleCredential(credential, { password: 'SECRET-value' }, true);
  expect([view.pairs, JSON.stringify(view).includes('SECRET-data-key')]).toEqual([{ password: 'SECRET-value' }, false]);
  const { credentialPairs, dataKey } = blind;
  expect(blindCredentialView(blind, true).ciphertext).toEqual({ credentialPairs, dataKey });
});
