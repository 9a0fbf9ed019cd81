import { randomInt } from 'node:crypto';
import type { ClientConfigBody } from '@confidant/contract';
import { isAllowed } from './access.js';
import type { App, Caller } from './app.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** compat: 50 letters and digits, which is 297 bits. */
const VALUE_LENGTH = 50;

/** A random value. The route table lets only authenticated callers have one (bug 11). */
export function generateValue(): string {
  return Array.from({ length: VALUE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** The settings that clients need. compat: the permissions are hints, for which the policy is asked without an id. */
export async function clientConfig(app: App, caller: Caller): Promise<ClientConfigBody> {
  const listAndCreate = async (
    resourceType: 'credential' | 'blind_credential' | 'service',
  ): Promise<{ list: boolean; create: boolean }> => ({
    list: await isAllowed(app, caller, { resourceType, action: 'list' }),
    create: await isAllowed(app, caller, { resourceType, action: 'create' }),
  });
  const { excludingTags, daysByTag } = app.rotation;
  return {
    defined: app.clientConfig.defined,
    generated: {
      kms_auth_manage_grants: app.manageGrants,
      aws_accounts: [...app.accounts],
      xsrf_cookie_name: app.clientConfig.xsrfCookieName,
      maintenance_mode: app.inMaintenance(),
      history_page_limit: app.historyPageLimit > 0 ? app.historyPageLimit : null,
      defined_tags: [...new Set([...Object.keys(daysByTag), ...excludingTags])].sort(),
      permissions: {
        credentials: await listAndCreate('credential'),
        blind_credentials: await listAndCreate('blind_credential'),
        services: await listAndCreate('service'),
      },
    },
  };
}
