import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { AccessKey } from './access-key.js';
import { FIRST_KEYS } from './key-store.js';
import { ensurePrivateDirectory, replacePrivateFile } from './private-files.js';
import { shellQuote } from './shell-quote.js';

/** The service that the `demo` profile authenticates as. */
const DEMO_SERVICE = 'demo-app';

/**
 * Writes the files that a client needs to talk to this machine's server, both 0600 and replaced as a whole at each
 * start:
 *
 * - `<dataDir>/client.yaml`, a configuration file in the original client's format: profile `default` is the person
 *   `userName`, profile `demo` is the service `demo-app`;
 * - `<dataDir>/client.env`, lines for `. client.env`: after them the command line, any AWS SDK and the original's
 *   Python client find the embedded KMS endpoint, its access key and the configuration file.
 *
 * @param options.userName the person that `default` authenticates as, usually the operating system's user
 * @param options.authContext the server's AUTH_CONTEXT, the `to` of every token
 * @returns the absolute paths of the two files
 * @throws PrivateFileError when the data directory can be written by others
 */
export function writeClientFiles(options: {
  dataDir: string;
  serverUrl: string;
  kmsUrl: string;
  accessKey: AccessKey;
  authContext: string;
  userName: string;
}): { configPath: string; envPath: string } {
  const { serverUrl, kmsUrl, accessKey, authContext, userName } = options;
  const dataDir = resolve(options.dataDir);
  ensurePrivateDirectory(dataDir);
  const configPath = join(dataDir, 'client.yaml');
  const envPath = join(dataDir, 'client.env');

  const profile = (name: string, authKey: string, from: string, userType: string) => ({
    url: serverUrl,
    auth_key: authKey,
    region: FIRST_KEYS.region,
    auth_context: { from, to: authContext, user_type: userType },
    // The original's default cache file is shared by all profiles of a machine.
    token_cache_file: join(dataDir, `client-token-${name}`),
  });
  const config = {
    default: profile('default', 'alias/confidant-user', userName, 'user'),
    demo: profile('demo', 'alias/confidant-service', DEMO_SERVICE, 'service'),
  };
  // Version 1.1 quotes what PyYAML, the original client's reader, would take for something else (yes, 1_000, 12:30).
  replacePrivateFile(configPath, stringify(config, { version: '1.1' }));

  const variables = {
    AWS_ENDPOINT_URL_KMS: kmsUrl,
    AWS_ACCESS_KEY_ID: accessKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: accessKey.secretAccessKey,
    AWS_REGION: FIRST_KEYS.region,
    AWS_DEFAULT_REGION: FIRST_KEYS.region,
    CONFIDANT_CONFIG_FILES: configPath,
  };
  const lines = [
    // If one of these is left from work with AWS, an SDK ignores the variables below.
    'unset AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${shellQuote(value)}`),
  ];
  replacePrivateFile(envPath, `${lines.join('\n')}\n`);
  return { configPath, envPath };
}
