import { describe, expect, it } from 'vitest';
import { expiringMemory } from '../../src/adapters/expiring-memory.js';
import { LoginFlows } from '../../src/auth/login-flow.js';
import { BackendUnavailable } from '../../src/ports.js';

describe('what was used and ended, in memory', () => {
  it('is not forgotten over entries of another purpose', async () => {
    const memory = expiringMemory(undefined, 3);
    await memory.set('ended:a', '1', 60);
    await memory.add('assertion:a', '1', 60);
    for (let i = 0; i < 10; i++) await memory.add(`flow:${i}`, '1', 60).catch(() => undefined);
    expect(await memory.get('ended:a')).toBe('1');
    expect(await memory.add('assertion:a', '1', 60)).toBe(false);
  });

  it('is unavailable when full, rather than that something counts a second time', async () => {
    const memory = expiringMemory(undefined, 2);
    expect(await memory.add('assertion:a', '1', 60)).toBe(true);
    expect(await memory.add('assertion:b', '1', 60)).toBe(true);
    await expect(memory.add('assertion:c', '1', 60)).rejects.toBeInstanceOf(BackendUnavailable);
    expect(await memory.add('assertion:a', '1', 60)).toBe(false);
  });

  it('has room again for as much as has expired', async () => {
    const memory = expiringMemory(undefined, 2);
    await memory.add('assertion:a', '1', 0.001);
    await memory.add('assertion:b', '1', 60);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await memory.add('assertion:c', '1', 60)).toBe(true);
  });
});

describe('logins that were begun', () => {
  it('leave nothing behind until they end, and end once', async () => {
    const memory = expiringMemory(undefined, 1);
    const flows = new LoginFlows(['a secret of at least thirty-two characters'], memory, () => 1000);
    for (let i = 0; i < 5; i++) expect(await flows.begun('openid', await flows.begin('openid', {}, '/'))).toBeDefined();
    const cookie = await flows.begin('openid', { state: 's' }, '/');
    const [first, second] = [await flows.begun('openid', cookie), await flows.begun('openid', cookie)];
    expect(await flows.end(first!)).toBe(true);
    expect(await flows.end(second!)).toBe(false);
    expect(await flows.begun('openid', cookie)).toBeUndefined();
  });
});
