import { readFileSync } from 'node:fs';
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from './support/cli.js';
import { clientEnvironment, startEmbeddedServer, type EmbeddedServer } from './support/embedded-server.js';

let server: EmbeddedServer;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startEmbeddedServer();
  env = clientEnvironment(server.dataDir);
});
afterAll(() => server.stop());

/** Parses an `aws kms` command line into its operation and options, with the names of the API. */
function asked(line: string): { operation: string; options: Record<string, string> } {
  const [, operation, words] = /\baws kms ([a-z-]+) (.*?)\)?$/.exec(line)!;
  const options = [...words!.matchAll(/--([a-z-]+) (\S+)/g)].map(([, name, value]) => [
    `-${name}`.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    value!,
  ]);
  return { operation: operation!, options: Object.fromEntries(options) as Record<string, string> };
}

test("the guide's AWS commands create a key that blind credentials can use", async () => {
  const guide = readFileSync(new URL('../../../docs/client.md', import.meta.url), 'utf8');
  const [createKey, createAlias, ...more] = [...guide.matchAll(/^.*\baws kms .*$/gm)].map(([line]) => asked(line));
  expect([createKey?.operation, createAlias?.operation, more]).toEqual(['create-key', 'create-alias', []]);
  // The lines of the guide for AWS's own program are run with AWS's SDK here (test:peers runs the program itself).
  const kms = new KMSClient({
    region: createKey!.options['Region']!,
    endpoint: env['AWS_ENDPOINT_URL_KMS']!,
    credentials: { accessKeyId: env['AWS_ACCESS_KEY_ID']!, secretAccessKey: env['AWS_SECRET_ACCESS_KEY']! },
  });
  const { KeyMetadata: key } = await kms.send(new CreateKeyCommand({}));
  const alias = createAlias!.options['AliasName']!;
  await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: key!.KeyId }));
  kms.destroy();

  const keys = JSON.stringify({ [createAlias!.options['Region']!]: alias });
  const blind = ['--blind-keys', keys, '--group-context', '{"group": "web-production"}'];
  const pairs = ['--credential-pairs', '-', '--output', 'id'];
  const created = await runCli(['confidant', 'create_blind_credential', '--name', 'tls', ...blind, ...pairs], {
    env,
    stdin: '{"key": "blind value"}',
  });
  expect(created).toMatchObject({ code: 0, stderr: '' });
  const id = created.stdout.trim();
  const opened = await runCli(['confidant', 'get_blind_credential', '--id', id, '--decrypt-blind'], { env });
  expect(JSON.parse(opened.stdout)).toMatchObject({
    blind_credential: { decrypted_credential_pairs: { key: 'blind value' } },
  });
});
