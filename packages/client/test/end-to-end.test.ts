import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programPath } from './support/cli.js';
import { startEmbeddedServer, type EmbeddedServer } from './support/embedded-server.js';

/** The real embedded server, and the real command line, each in processes of their own. */
let server: EmbeddedServer;

beforeAll(async () => {
  server = await startEmbeddedServer();
  // Replaces npx in the root of the project, which finds the same programs once they are installed.
  const npx = join(server.folder, 'npx');
  const program = programPath('confidant').replace('/confidant.js', '');
  writeFileSync(npx, `#!/bin/sh\nname=$1; shift; exec "${process.execPath}" "${program}/$name.js" "$@"\n`);
  chmodSync(npx, 0o755);
});
afterAll(() => server?.stop());

/** Runs lines of a shell as a person would paste them. */
async function paste(lines: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const shell = spawn('sh', ['-s'], {
    env: { PATH: `${server.folder}:${process.env['PATH']}`, HOME: server.folder },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  shell.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  shell.stdin.end(lines);
  const [code] = (await once(shell, 'close')) as [number | null];
  return { code, stdout, stderr };
}

const environment = (): string => `. '${server.dataDir}/client.env'\n`;

describe('against the real server', () => {
  test('the lines of the first start create, map and fetch a credential, as printed', async () => {
    const lines = server.printed.split('\n').filter((line) => /^ {2}(\. |ID=|npx )/.test(line));
    expect(lines).toHaveLength(4);
    const { stdout, stderr, code } = await paste(lines.join('\n'));
    expect({ stderr, code }).toEqual({
      stderr: 'confidant: stored: db_password\nconfidant: created the service demo-app\n',
      code: 0,
    });
    const [created, mapped, fetched] = stdout
      .split(/(?<=^\}\n)/m)
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(created).toMatchObject({ result: true, credential: { name: 'Demo database', credential_pairs: {} } });
    expect(mapped).toMatchObject({ result: true, service: { id: 'demo-app', revision: 1 } });
    const credentials = [{ name: 'Demo database', credential_pairs: { db_password: 'correct horse' } }];
    expect(fetched).toMatchObject({ result: true, service: { id: 'demo-app', credentials } });
  });

  test('a service runs with its values, and cannot read other services', async () => {
    const run = await paste(
      `${environment()}npx confidant --profile demo run --service demo-app --pristine -- /bin/sh -c 'echo "$CREDENTIALS_DB_PASSWORD"'`,
    );
    expect(run).toMatchObject({ code: 0, stdout: 'correct horse\n' });
    const other = await paste(`${environment()}npx confidant --profile demo env --service other -- echo ran`);
    expect(other).toMatchObject({ code: 255, stdout: '' });
  });

  test('curl authenticates with the output of token', async () => {
    const { stdout } = await paste(
      `${environment()}npx confidant token --format headers; echo "$CONFIDANT_CONFIG_FILES"`,
    );
    const headers = Object.fromEntries(
      stdout
        .split('\n')
        .filter((line) => line.startsWith('X-Auth-'))
        .map((line) => line.split(': ') as [string, string]),
    );
    const answer = await fetch(`${server.url}/v1/user/email`, { headers });
    expect(answer.status).toBe(200);
  });

  test('a credential can be updated, compared, reverted and listed', async () => {
    const { stdout, code } = await paste(`${environment()}
ID=$(printf '{"k": "one"}' | npx confidant create_credential --name 'Another' --credential-pairs - -o id)
npx confidant update_credential --id "$ID" --credential-pairs '{"k": "two", "n": 12345678901234567890}' -o id
npx confidant get_credential --name Another -o dotenv
npx confidant diff --credential "$ID" -o yaml
npx confidant revert_credential --id "$ID" -o id
npx confidant get_credential --id "$ID" -o tfvars
npx confidant history --credential "$ID" | grep -c '"revision"'
`);
    expect(code).toBe(0);
    expect(stdout).toContain('CREDENTIALS_K=two\nCREDENTIALS_N=12345678901234567890\n');
    expect(stdout).toMatch(/credential_pairs:\n +added:\n +- k\n +- "n"\n +removed:\n +- k\n/);
    expect(stdout).toMatch(/k = "one"\n3\n$/);
    expect(stdout).not.toMatch(/one.*diff:/s);
  });

  test('a service reads a blind credential that the server cannot decrypt', async () => {
    const { stdout, code, stderr } = await paste(`${environment()}
ID=$(npx confidant create_blind_credential --name Blind --blind-keys '{"us-east-1":"alias/confidant-service"}' \\
  --group-context '{"group":"demo-app"}' --credential-pairs '{"tls_key":"blind s3cret"}' -o id)
npx confidant map --service demo-app --blind-cred-ids "$ID" -o id
npx confidant get_blind_credential --id "$ID" -o id
npx confidant --profile demo get_service --service demo-app -o shell
npx confidant --profile demo get_service --service demo-app --no-decrypt-blind | grep -c s3cret
`);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toContain("export CREDENTIALS_TLS_KEY='blind s3cret'\n");
    expect(stdout).toMatch(/\n0\n$/);
  });
});
