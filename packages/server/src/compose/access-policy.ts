import type { Logger } from 'pino';
import { openAcl, type OpenedAcl } from '../adapters/access/acl.js';
import type { Settings } from '../config/server-settings.js';
import { defaultAcl, noAcl } from '../domain/acl.js';
import { caNames } from './certificates.js';

/** Opens the access policy of the settings. Rejects with a text for the operator when it cannot be used. */
export function openAccessPolicy(settings: Settings, logger: Logger): Promise<OpenedAcl> {
  return openAcl({
    module: settings.ACL_MODULE,
    policyFile: settings.ACL_POLICY_FILE,
    defaultAcl: defaultAcl(caNames(settings)),
    noAcl,
    log: logger,
  });
}
