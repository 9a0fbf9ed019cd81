import { describe, expect, test } from 'vitest';
import { isLoopback } from '../../src/domain/loopback.js';

describe('isLoopback', () => {
  test.each([
    '127.0.0.1',
    '127.0.0.2',
    '127.255.255.255',
    '::ffff:127.0.0.1',
    '::FFFF:127.8.9.10',
    '[::ffff:127.0.0.1]',
    '::1',
    '[::1]',
    'localhost',
    'LocalHost',
    'localhost.',
  ])('%s is this machine', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  test.each([
    '',
    '0.0.0.0',
    '::',
    '[::]',
    '127.1',
    '127',
    '2130706433',
    '0x7f.0.0.1',
    '127.0.0.01',
    '127.0.0.256',
    '127.0.0.1.',
    '127.0.0.1.2',
    '127.evil.com',
    '127.0.0.1.evil.com',
    'evil.com',
    'localhost.evil.com',
    'evil.localhost',
    'localhost..',
    'localhost:8080',
    '127.0.0.1:8080',
    '[::1]:8080',
    '[127.0.0.1]',
    '[localhost]',
    '[::1',
    '::1]',
    '::1%lo',
    '::2',
    '::127.0.0.1',
    '::ffff:128.0.0.1',
    '::ffff:10.127.0.0.1',
    '10.127.0.1',
    ' 127.0.0.1',
    '127.0.0.1\n',
    '127.0.0.1\n.evil.com',
    '[::1]\n',
  ])('%j is not this machine', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});
