import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsEnvironment, callCli, runCli, startCli, type CliEnd, type CliOptions, type RunningCli } from './cli.js';
import { startAnswering, type Answer, type AnsweringServer, type Seen } from './http.js';
import { startRecordedKms } from './recorded-kms.js';

/** A server that answers as the test says, a KMS, and a configuration for the service `web`. */
export interface Deployment {
  folder: string;
  config: string;
  server: AnsweringServer;
  kms: Awaited<ReturnType<typeof startRecordedKms>>;
  /** Sets how the server answers from now on. */
  answer(how: (request: Seen) => Answer | undefined | Promise<Answer | undefined>): void;
  /** Writes the default profile, with these further keys. */
  configure(further: Record<string, unknown>): void;
  start(args: readonly string[], options?: CliOptions): RunningCli;
  run(args: readonly string[], options?: CliOptions): Promise<CliEnd>;
  /** Runs a command in this process, without standard input. */
  call(args: readonly string[]): Promise<CliEnd>;
  close(): Promise<void>;
}

export async function deploy(): Promise<Deployment> {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-client-'));
  const kms = await startRecordedKms();
  let answering: (request: Seen) => Answer | undefined | Promise<Answer | undefined> = () => undefined;
  const server = await startAnswering((request) => answering(request));
  const config = join(folder, 'config.json');
  const withConfig = (args: readonly string[]) => ['confidant', '--config-files', config, ...args];
  const withAws = (options: CliOptions = {}) => ({
    ...options,
    env: { ...awsEnvironment(kms.url), ...options.env },
  });
  const deployment: Deployment = {
    folder,
    config,
    server,
    kms,
    answer(how) {
      answering = how;
    },
    configure(further) {
      const profile = {
        url: server.url,
        auth_key: 'alias/authnz-service',
        region: 'us-east-1',
        auth_context: { from: 'web', to: 'confidant-production', user_type: 'service' },
        // A cache file, so that only the first run of a test file loads the AWS SDK and calls KMS.
        token_cache_file: join(folder, 'token'),
        retries: 0,
        // Long enough for a slow machine; tests of timeouts set their own.
        timeout: 60,
        ...further,
      };
      writeFileSync(config, JSON.stringify({ default: profile }));
    },
    start: (args, options) => startCli(withConfig(args), withAws(options)),
    run: (args, options) => runCli(withConfig(args), withAws(options)),
    call: (args) => callCli(withConfig(args), awsEnvironment(kms.url)),
    async close() {
      await server.close();
      await kms.close();
      rmSync(folder, { recursive: true });
    },
  };
  deployment.configure({});
  return deployment;
}

/** Returns the server's response for a service with one credential that holds these pairs. */
export function serviceWith(pairs: Record<string, unknown>, revision = 1): Record<string, unknown> {
  return {
    id: 'web',
    revision: 1,
    enabled: true,
    account: null,
    modified_by: 'alice',
    modified_date: '2026-11-21T22:38:13.124594+00:00',
    credentials: [credentialWith('c1', pairs, revision)],
    blind_credentials: [],
    permissions: {},
  };
}

export function credentialWith(id: string, pairs: Record<string, unknown>, revision = 1): Record<string, unknown> {
  return {
    id,
    name: `Credential ${id}`,
    revision,
    enabled: true,
    credential_keys: Object.keys(pairs),
    credential_pairs: pairs,
    metadata: {},
  };
}
