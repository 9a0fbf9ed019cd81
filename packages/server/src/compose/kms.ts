import { existsSync } from 'node:fs';
import { awsKms, keyReference, type KmsGrants, type KmsLike } from '@confidant/kmsauth';
import { namesProxy } from '@confidant/kmsauth/proxy';
import type { Logger } from 'pino';
import { defaultProvider } from '../adapters/aws/credentials.js';
import type { Settings } from '../config/server-settings.js';
import { Keyring } from '../embedded/keyring.js';
import { MAX_ATTEMPTS } from './timeouts.js';
import { databaseFile } from './store.js';

/** The region that the keyring creates its keys in. */
const EMBEDDED_REGION = 'us-east-1';

/**
 * Opens the keyring of the embedded server. A keyring that was lost while there are rows is not replaced: new keys could
 * open none of them.
 *
 * @throws PrivateFileError with advice for the operator
 */
export function openKeyring(settings: Settings): Keyring {
  return Keyring.open(settings.CONFIDANT_DATA_DIR, { mustExist: existsSync(databaseFile(settings)) });
}

/** Opens AWS KMS, or the keyring of the embedded server. */
export function openKms(settings: Settings): KmsLike & KmsGrants & { close(): void } {
  if (settings.kind === 'embedded') {
    const keyring = openKeyring(settings);
    return { ...keyring.kms(EMBEDDED_REGION), close: () => keyring.close() };
  }
  return awsKms({
    region: settings.AWS_DEFAULT_REGION,
    ...(settings.KMS_URL !== '' && { endpoint: settings.KMS_URL }),
    connectTimeoutMs: settings.KMS_CONNECTION_TIMEOUT * 1000,
    requestTimeoutMs: settings.KMS_READ_TIMEOUT * 1000,
    maxSockets: settings.KMS_MAX_POOL_CONNECTIONS,
    maxAttempts: MAX_ATTEMPTS,
    // Requests wait for KMS as long as for DynamoDB: the time-outs limit a call with all its attempts.
    deadlineMs: (settings.KMS_CONNECTION_TIMEOUT + settings.KMS_READ_TIMEOUT) * 1000,
    // The SDK's own credential chain would ask for single sign-on without the proxy.
    ...(namesProxy(process.env) && { credentials: defaultProvider(settings.AWS_DEFAULT_REGION) }),
  });
}

/**
 * Looks up every KMS key that the settings name, and logs those that cannot be used. Otherwise a wrong name would first
 * show in requests that fail. Never rejects.
 */
export async function checkKeys(settings: Settings, kms: KmsLike, logger: Logger): Promise<void> {
  if (settings.kind === 'embedded') return;
  const named: [setting: string, key: string][] = [
    ['KMS_MASTER_KEY', settings.USE_ENCRYPTION ? settings.KMS_MASTER_KEY : ''],
    ['AUTH_KEY', settings.USE_AUTH ? settings.AUTH_KEY : ''],
    ['USER_AUTH_KEY', settings.USE_AUTH ? settings.USER_AUTH_KEY : ''],
    ...Object.keys(settings.SCOPED_AUTH_KEYS).map((key): [string, string] => ['SCOPED_AUTH_KEYS', key]),
  ];
  for (const [setting, key] of named) {
    if (key === '') continue;
    await kms.describeKey(keyReference(key)).catch((error: unknown) => {
      logger.error({ setting, key, err: error }, 'a KMS key of the settings cannot be used');
    });
  }
}
