import { readFile, stat } from 'node:fs/promises';
import type { Acl } from '../../domain/acl.js';
import type { Policy } from '../../domain/policy.js';
import { BadPolicy, MAX_POLICY_BYTES, parsePolicy } from './parse-policy.js';

export interface PolicyFileOptions {
  file: string;
  /** What `include: default` means. */
  included: Acl;
  log: {
    info(details: Record<string, unknown>, message: string): void;
    error(details: Record<string, unknown>, message: string): void;
  };
  /** How often the file is looked at. */
  pollMs?: number;
}

/**
 * The policy in a file, read again when it changes. Rejects with {@link BadPolicy} when it can not be used at the
 * start; a later version that can not be used is logged and the policy before it stays. The file is read every now and
 * then rather than watched: what replaces files (editors, mounted configuration) often replaces the link to them.
 */
export async function openPolicyFile(options: PolicyFileOptions): Promise<{ policy(): Policy; close(): void }> {
  const { file, included, log, pollMs = 2000 } = options;
  let text = await readBounded(file);
  let policy = parsePolicy(text, included, file);
  let problem = '';
  let closed = false;
  const look = async (): Promise<void> => {
    try {
      const next = await readBounded(file);
      if (closed || (next === text && problem === '')) return;
      const parsed = next === text ? policy : parsePolicy(next, included, file);
      [text, policy, problem] = [next, parsed, ''];
      log.info({ file, rules: policy.rules.length }, 'the access policy was read again');
    } catch (error) {
      const { message } = error as Error;
      // Once for each problem, not at every look.
      if (message !== problem && !closed) {
        log.error({ file, problem: message }, 'the changed access policy is NOT in force, the one before it stays');
      }
      problem = message;
    }
  };
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => (looking = false));
  }, pollMs).unref();
  return {
    policy: () => policy,
    close: () => {
      closed = true;
      clearInterval(timer);
    },
  };
}

async function readBounded(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > MAX_POLICY_BYTES) throw new Error(`larger than ${MAX_POLICY_BYTES} bytes`);
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new BadPolicy(file, [{ line: undefined, path: '', problem: (error as Error).message }]);
  }
}
