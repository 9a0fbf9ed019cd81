import { readFile, stat } from 'node:fs/promises';
import type { Acl } from '../../domain/acl.js';
import type { Policy } from '../../domain/policy.js';
import { BadPolicy, MAX_POLICY_BYTES, parsePolicy } from './parse-policy.js';

export interface PolicyFileOptions {
  file: string;
  /** The policy that `include: default` means. */
  included: Acl;
  log: {
    info(details: Record<string, unknown>, message: string): void;
    error(details: Record<string, unknown>, message: string): void;
  };
  /** Time between two looks at the file. */
  pollMs?: number;
}

/**
 * Opens the policy in a file, which is read again when it changes. Rejects with {@link BadPolicy} when it cannot be
 * used at the start; a later version that cannot be used is logged, and the policy before it stays. The file is polled,
 * not watched: editors and mounted configuration often replace the link to a file rather than the file.
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
      // Each problem is logged once, not at every look.
      if (message !== problem && !closed) {
        log.error(
          { file, problem: message },
          'the changed access policy cannot be used: the previous one stays in force',
        );
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
