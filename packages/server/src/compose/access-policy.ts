import type { Logger } from 'pino';
import { openAcl, type OpenedAcl } from '../adapters/access/acl.js';
import { caNames } from './signing.js';
import type { Settings } from '../config/settings.js';
import { defaultAcl, noAcl } from '../domain/acl.js';

/** The access policy of the settings. Rejects with a text for the operator when it can not be used. */
export function openAccess(settings: Settings, logger: Logger): Promise<OpenedAcl> {
  return openAcl({
    module: settings.ACL_MODULE,
    policyFile: settings.ACL_POLICY_FILE,
    defaultAcl: defaultAcl(caNames(settings)),
    noAcl,
    log: logger,
  });
}
