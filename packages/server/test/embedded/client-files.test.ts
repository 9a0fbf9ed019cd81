import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { expect, onTestFinished, test } from 'vitest';
import { openAccessKey } from '../../src/embedded/access-key.js';
import { writeClientFiles } from '../../src/embedded/client-files.js';
import { Keyring } from '../../src/embedded/keyring.js';
import { startKmsEndpoint } from '../../src/embedded/kms-endpoint.js';
import { temporaryDirectory } from './temporary-directory.js';

const run = promisify(execFile);
const serverUrl = 'http://127.0.0.1:8080';
const accessKey = { accessKeyId: 'AKIAAAAAAAAAAAAAAAAA', secretAccessKey: `a/+'$(x)"\`\\${'b'.repeat(28)}` };
const options = { serverUrl, kmsUrl: 'http://127.0.0.1:8081', accessKey, authContext: 'confidant-dev' };

test('client.yaml has a person and a service, in the form of the original', () => {
  const dataDir = temporaryDirectory();
  const { configPath, envPath } = writeClientFiles({ ...options, dataDir, userName: 'alice' });
  const common = { url: serverUrl, region: 'us-east-1' };
  // Each profile has its own token cache, because a token belongs to one principal.
  const tokenOf = (profile: string) => ({ token_cache_file: join(dataDir, `client-token-${profile}`) });
  expect(parse(readFileSync(configPath, 'utf8'), { version: '1.1' })).toEqual({
    default: {
      ...common,
      ...tokenOf('default'),
      auth_key: 'alias/confidant-user',
      auth_context: { from: 'alice', to: 'confidant-dev', user_type: 'user' },
    },
    demo: {
      ...common,
      ...tokenOf('demo'),
      auth_key: 'alias/confidant-service',
      auth_context: { from: 'demo-app', to: 'confidant-dev', user_type: 'service' },
    },
  });
  for (const path of [configPath, envPath]) expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(dataDir).sort()).toEqual(['client.env', 'client.yaml']);
});

test.each(['yes', 'null', '1_000', '12:30', 'a: b', '#x', "o'brien", 'ä\n- x'])(
  'a user named %j is text to a YAML 1.1 reader',
  (userName) => {
    const { configPath } = writeClientFiles({ ...options, dataDir: temporaryDirectory(), userName });
    const config = parse(readFileSync(configPath, 'utf8'), { version: '1.1' }) as Record<string, unknown>;
    expect(config['default']).toMatchObject({ auth_context: { from: userName } });
  },
);

test('the files are replaced at the next start, and a file that others could read becomes private again', () => {
  const dataDir = temporaryDirectory();
  writeFileSync(join(dataDir, 'client.env'), 'old', { mode: 0o644 });
  writeClientFiles({ ...options, dataDir, userName: 'a' });
  const { envPath } = writeClientFiles({ ...options, dataDir, kmsUrl: 'http://127.0.0.1:9', userName: 'a' });
  expect(readFileSync(envPath, 'utf8')).toContain(`AWS_ENDPOINT_URL_KMS='http://127.0.0.1:9'`);
  expect(statSync(envPath).mode & 0o777).toBe(0o600);
});

test('a shell reads client.env literally, whatever it contains', async () => {
  const dataDir = join(temporaryDirectory(), `it's "$HOME" \`x\``);
  const { configPath, envPath } = writeClientFiles({ ...options, dataDir, userName: 'a' });
  const script =
    '. "$1"; for v in AWS_SECRET_ACCESS_KEY CONFIDANT_CONFIG_FILES; do eval "printf \'%s\\0\' \\"\\$$v\\""; done';
  const { stdout } = await run('sh', ['-euc', script, 'sh', envPath]);
  expect(stdout.split('\0')).toEqual([accessKey.secretAccessKey, configPath, '']);
});

test('an AWS SDK client configured only by client.env calls the embedded KMS, even on a machine that uses AWS', async () => {
  const dataDir = temporaryDirectory();
  const keyring = Keyring.open(dataDir);
  const ours = openAccessKey(dataDir);
  const endpoint = await startKmsEndpoint({ host: '127.0.0.1', port: 0, keyring, accessKey: ours });
  onTestFinished(async () => {
    await endpoint.close();
    keyring.close();
  });
  const { envPath } = writeClientFiles({
    ...options,
    dataDir,
    accessKey: ours,
    kmsUrl: endpoint.url,
    userName: 'a',
  });
  const home = join(dataDir, 'home');
  mkdirSync(home);
  const program = `
    import { KMSClient, DescribeKeyCommand } from '@aws-sdk/client-kms';
    const { KeyMetadata } = await new KMSClient({ maxAttempts: 1 }).send(new DescribeKeyCommand({ KeyId: 'alias/confidant-user' }));
    process.stdout.write(KeyMetadata.Arn);`;
  const { stdout } = await run(
    'sh',
    ['-euc', '. "$1"; exec "$2" --input-type=module -e "$3"', 'sh', envPath, process.execPath, program],
    {
      cwd: new URL('../..', import.meta.url),
      env: {
        ...process.env,
        HOME: home,
        AWS_PROFILE: 'work',
        AWS_SESSION_TOKEN: 'left over',
        AWS_REGION: 'eu-west-1',
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
      },
    },
  );
  expect(stdout).toBe((await keyring.kms('us-east-1').describeKey('alias/confidant-user')).keyArn);
});
