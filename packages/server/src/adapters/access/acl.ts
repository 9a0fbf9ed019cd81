import type { AccessRequest, Acl } from '../../domain/acl.js';
import { decide, type Decision } from '../../domain/policy.js';
import { loadAclModule } from './acl-module.js';
import { openPolicyFile, type PolicyFileOptions } from './policy-file.js';

export interface AclOptions {
  /** The value of ACL_MODULE. */
  module: string;
  /** The value of ACL_POLICY_FILE; empty when there is none. */
  policyFile: string;
  defaultAcl: Acl;
  noAcl: Acl;
  log: PolicyFileOptions['log'];
  pollMs?: number;
}

/** The access policy that the settings choose, ready for use. */
export interface OpenedAcl {
  acl: Acl;
  /** The decision of `acl`, with its reason. */
  explain(request: AccessRequest): Promise<Decision>;
  close(): void;
}

/** Opens the access policy. Rejects with a text for the operator when the module or the file cannot be used. */
export async function openAcl(options: AclOptions): Promise<OpenedAcl> {
  const { module, policyFile, defaultAcl, noAcl, log, pollMs } = options;
  if (policyFile !== '') {
    const { policy, close } = await openPolicyFile({
      file: policyFile,
      included: defaultAcl,
      log,
      ...(pollMs !== undefined && { pollMs }),
    });
    const explain = (request: AccessRequest): Promise<Decision> => decide(policy(), request);
    return { acl: async (request) => (await explain(request)).allowed, explain, close };
  }
  // compat: the original's built-in policies have their Python names.
  if (module.startsWith('confidant.')) return fixed(module.endsWith(':no_acl') ? noAcl : defaultAcl, module);
  return fixed(await loadAclModule({ spec: module, directory: process.cwd() }), module);
}

function fixed(acl: Acl, name: string): OpenedAcl {
  return {
    acl,
    explain: async (request) => {
      const allowed = (await acl(request)) === true;
      return { allowed, reason: `${allowed ? 'allowed' : 'denied'} by ${name}` };
    },
    close: () => undefined,
  };
}
