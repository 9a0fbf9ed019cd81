import type { Logger } from 'pino';
import { iamRoles } from '../adapters/aws/iam-roles.js';
import type { Settings } from '../config/server-settings.js';
import { EMBEDDED_ACCOUNT_ID } from '../embedded/keyring.js';
import type { Roles } from '../ports/grants.js';
import type { Store } from '../ports/store.js';
import { MAX_ATTEMPTS } from './timeouts.js';

/** Time-out of IAM, whose lists take longer than responses of KMS; no setting changes it. */
const IAM_TIMEOUT_MS = 5000;
/** compat: a refresh rate under a minute counts as a minute. */
const MIN_ROLE_REFRESH_SECONDS = 60;

/** Opens the list of IAM roles. In the embedded server, the services take their place. */
export function openRoles(settings: Settings, store: Store, logger: Logger): Roles {
  return settings.kind === 'embedded' ? embeddedRoles(store) : openIamRoles(settings, logger);
}

function openIamRoles(settings: Settings, logger: Logger): Roles {
  const refreshSeconds = Math.max(MIN_ROLE_REFRESH_SECONDS, settings.BACKGROUND_CACHE_IAM_ROLE_REFRESH_RATE);
  return iamRoles({
    region: settings.AWS_DEFAULT_REGION,
    connectTimeoutMs: IAM_TIMEOUT_MS,
    requestTimeoutMs: IAM_TIMEOUT_MS,
    maxAttempts: MAX_ATTEMPTS,
    ...(settings.BACKGROUND_CACHE_IAM_ROLES && {
      cache: {
        refreshMs: refreshSeconds * 1000,
        jitterMs: Math.min(settings.BACKGROUND_CACHE_IAM_ROLE_JITTER, refreshSeconds) * 1000,
      },
    }),
    onRefreshFailed: (error) => logger.error({ err: error }, 'the list of IAM roles could not be refreshed'),
  });
}

/** Without IAM every name counts as a role, and the roles listed are the services. */
function embeddedRoles(store: Store): Roles {
  return {
    list: async () => (await store.list('service', { archived: false })).rows.map(({ id }) => id).sort(),
    arnOf: (name) => Promise.resolve(`arn:aws:iam::${EMBEDDED_ACCOUNT_ID}:role/${name}`),
    close: () => undefined,
  };
}
