import { describe, expect, test } from 'vitest';
import { isLoopback } from '../src/index.js';

describe('isLoopback', () => {
  test.each([
    'localhost',
    'LocalHost',
    'localhost.',
    '127.0.0.1',
    '127.0.0.2',
    '127.9.9.9',
    '127.255.255.255',
    '::1',
    '[::1]',
    '0:0:0:0:0:0:0:1',
    '0000:0000:0000:0000:0000:0000:0000:0001',
    '::ffff:127.0.0.1',
    '::FFFF:127.8.9.10',
    '[::ffff:127.0.0.1]',
    '[::FFFF:127.0.0.1]',
    '::ffff:7f00:1',
    '[::ffff:7f00:1]',
    '[::ffff:7fff:ffff]',
    '0:0:0:0:0:ffff:127.0.0.1',
  ])('is true for %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  test.each([
    '',
    '0.0.0.0',
    '128.0.0.1',
    '126.255.255.255',
    '169.254.169.254',
    '127.1',
    '127.0.0.256',
    '127.0.0.01',
    '127.0.0.1.',
    '127.0.0.1:8080',
    '127.0.0.1.2',
    '127.0.0.1.example.com',
    '127.example.com',
    '127',
    '2130706433',
    '0x7f.0.0.1',
    '10.127.0.1',
    ' 127.0.0.1',
    '127.0.0.1\n',
    '127.0.0.1\n.example.com',
    'example.com',
    'localhost..',
    'localhost\n',
    'localhost:80',
    'a.localhost',
    'localhost.example.com',
    'notlocalhost',
    '[localhost]',
    '[127.0.0.1]',
    '::',
    '[::]',
    '::2',
    '1::1',
    '::1%lo',
    '[::1]:80',
    '[::1',
    '::1]',
    '::1]@example.com/[::1',
    '::127.0.0.1',
    '::ffff:128.0.0.1',
    '::ffff:10.127.0.0.1',
    '[::1]\n',
    '::fffe:127.0.0.1',
    '64:ff9b::127.0.0.1',
    'http://localhost',
  ])('is false for %j', (host) => {
    expect(isLoopback(host)).toBe(false);
  });

  test('is true for every address of 127.0.0.0/8 in the forms that URLs give it', () => {
    for (const address of ['http://127.1', 'http://2130706433', 'http://[0::ffff:127.2.3.4]', 'http://[0::1]']) {
      expect(isLoopback(new URL(address).hostname)).toBe(true);
    }
  });
});
