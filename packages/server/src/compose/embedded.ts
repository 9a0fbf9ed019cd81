import { userInfo } from 'node:os';
import { relative, resolve } from 'node:path';
import type { Logger } from 'pino';
import type { Settings } from '../config/server-settings.js';
import { SETTINGS } from '../config/settings.js';
import { openAccessKey } from '../embedded/access-key.js';
import { writeClientFiles } from '../embedded/client-files.js';
import { lockDataDirectory } from '../embedded/data-lock.js';
import { firstSteps } from '../embedded/first-steps.js';
import { startKmsEndpoint } from '../embedded/kms-endpoint.js';
import { issueLoginLink, loginLink } from '../embedded/login-link.js';
import { openKeyring } from './kms.js';

/** The parts of the embedded server besides the HTTP server. */
export interface Embedded {
  /** Writes the client files for the server at `serverUrl`, and prints the first steps to standard error. */
  announce(serverUrl: string): void;
  close(): Promise<void>;
}

/**
 * Locks the data directory, opens the keyring and starts the KMS endpoint for clients.
 *
 * @throws when another server uses the directory, a file of it cannot be used, or the port is taken
 */
export async function openEmbedded(settings: Settings, logger: Logger): Promise<Embedded> {
  const dataDir = settings.CONFIDANT_DATA_DIR;
  const unlock = lockDataDirectory(dataDir);
  const keyring = openKeyring(settings);
  const accessKey = openAccessKey(dataDir);
  const endpoint = await startKmsEndpoint({
    keyring,
    accessKey,
    host: '127.0.0.1',
    port: settings.CONFIDANT_KMS_PORT,
    onFault: (error) => logger.error({ err: error }, 'the embedded KMS endpoint failed'),
  });
  return {
    announce: (serverUrl) => {
      const { envPath } = writeClientFiles({
        dataDir,
        serverUrl,
        kmsUrl: endpoint.url,
        accessKey,
        authContext: settings.AUTH_CONTEXT,
        userName: userInfo().username,
      });
      const hasLoginLink = settings.USE_AUTH && settings.USER_AUTH_MODULE === 'local';
      process.stderr.write(
        firstSteps({
          serverUrl,
          kmsUrl: endpoint.url,
          envFile: shortPath(envPath),
          dataDir: resolve(dataDir),
          isUsualDataDir: dataDir === SETTINGS.CONFIDANT_DATA_DIR.fallback,
          loginUrl: hasLoginLink ? loginLink(serverUrl, issueLoginLink(dataDir)) : undefined,
        }),
      );
    },
    close: async () => {
      await endpoint.close();
      keyring.close();
      unlock();
    },
  };
}

/** The path relative to the working directory, if that can be typed without quotes. */
function shortPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') || near.includes(' ') ? path : `./${near}`;
}
