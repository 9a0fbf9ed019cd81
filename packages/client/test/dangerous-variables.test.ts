import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isDangerousVariable } from '../src/text/dangerous-variables.js';
import { runCli } from './support/cli.js';
import { credentialWith, deploy, serviceWith, type Deployment } from './support/deployment.js';

let at: Deployment;
beforeAll(async () => {
  at = await deploy();
});
afterAll(() => at.close());
beforeEach(() => at.answer(() => ({ body: serviceWith({ node_options: '--require=/tmp/x', db_user: 'web' }) })));

const format = (credentials: readonly unknown[], blind: readonly unknown[] = []) =>
  runCli(['confidant-format', '--out-format', 'env_export'], {
    stdin: JSON.stringify({ result: true, service: { id: 'web', revision: 1, credentials, blind_credentials: blind } }),
  });

describe("confidant-format: a credential's own prefix", () => {
  test('a prefix cannot run anything in the shell that reads the lines: such names are skipped with a warning', async () => {
    const owned = join(at.folder, 'owned');
    for (const prefix of [
      `X}\ntouch ${owned}\n: \${Y`,
      `$(touch ${owned})`,
      `X:-$(touch ${owned})}; : \${`,
      'A B',
      'A=',
    ]) {
      const hostile = { ...credentialWith('c1', { key: 'v' }), metadata: { env_var_prefix: prefix } };
      const end = await format([hostile, credentialWith('c2', { other: 'kept' })]);
      expect(end).toMatchObject({ code: 0, stdout: ': ${CREDENTIALS_OTHER=kept}\nexport CREDENTIALS_OTHER\n' });
      // The warning is one line, whatever the name contains.
      expect(end.stderr).toMatch(
        /^confidant-format: warning: .* is not the name of a shell variable and is left out\n$/,
      );
      for (const shell of ['bash', 'sh']) execFileSync(shell, ['-c', end.stdout]);
      expect(existsSync(owned)).toBe(false);
    }
    const blind = { id: 'b', name: 'b', metadata: { env_var_prefix: '$(x)' }, decrypted_credential_pairs: { k: 'v' } };
    expect((await format([], [blind])).stdout).toBe('');
  });

  test('variables that can make programs run other code are skipped', async () => {
    const hostile = { ...credentialWith('c1', { preload: '/tmp/x.so' }), metadata: { env_var_prefix: 'LD_' } };
    const end = await format([hostile, credentialWith('c2', { other: 'kept' })]);
    expect(end.stdout).toBe(': ${CREDENTIALS_OTHER=kept}\nexport CREDENTIALS_OTHER\n');
    expect(end.stderr).toMatch(/LD_PRELOAD of Credential c1 \(c1\) decides what code programs load and is left out/);
  });
});

describe('dangerous variables', () => {
  const run = (...options: string[]) => at.run(['run', '--service', 'web', ...options]);

  test('run and env refuse a dangerous variable with exit code 255, and name the variable, the credential and the option to allow it', async () => {
    for (const options of [
      ['--prefix', ''],
      ['--prefix', '', '--pristine'],
    ]) {
      const end = await run(...options, '--', 'echo', 'ran');
      expect(end).toMatchObject({ code: 255, stdout: '' });
      expect(end.stderr).toMatch(
        /NODE_OPTIONS of Credential c1 \(c1\) decides what code programs load: --require NODE_OPTIONS allows it/,
      );
    }
    at.answer(() => ({ body: serviceWith({ options: 'x' }) }));
    expect(await run('--prefix', 'node_', '--', 'echo', 'ran')).toMatchObject({ code: 255, stdout: '' });
  });

  test('names in the message cannot add lines or run anything when pasted into a shell', async () => {
    const credential = { ...credentialWith('c1', { 'ld_$(x)': 'v' }), name: 'x\nconfidant: all is well' };
    at.answer(() => ({ body: { ...serviceWith({}), credentials: [credential] } }));
    const { stderr } = await run('--prefix', '', '--', 'echo', 'ran');
    expect(stderr).toBe(
      'confidant: error: LD_$(X) of "x\\nconfidant: all is well" (c1) decides what code programs load: ' +
        "--require 'LD_$(X)' allows it\n",
    );
    expect(await run('--prefix', '', '--require', 'LD_$(X)', '--', 'echo', 'ran')).toMatchObject({ code: 0 });
  });

  test('--require NAME allows only that name', async () => {
    const print = ['--', 'sh', '-c', 'echo $NODE_OPTIONS'];
    const end = await run('--prefix', '', '--require', 'NODE_OPTIONS', ...print);
    expect(end).toMatchObject({ code: 0, stdout: '--require=/tmp/x\n', stderr: '' });
    expect(await run('--prefix', '', '--require', 'DB_USER', ...print)).toMatchObject({ code: 255, stdout: '' });
    // With the usual prefix the variable is harmless.
    expect(await run('--', 'sh', '-c', 'echo $CREDENTIALS_NODE_OPTIONS')).toMatchObject({ code: 0 });
  });

  test('env -o shell and dotenv refuse a dangerous variable, too, but tfvars does not', async () => {
    for (const format of ['shell', 'dotenv', 'json']) {
      expect(await run('--prefix', '', '-o', format)).toMatchObject({ code: 255, stdout: '' });
    }
    const tfvars = await run('--prefix', '', '-o', 'tfvars');
    expect(tfvars).toMatchObject({ code: 0, stdout: 'node_options = "--require=/tmp/x"\ndb_user = "web"\n' });
    expect((await run('--prefix', '', '--require', 'NODE_OPTIONS', '-o', 'shell')).stdout).toContain('NODE_OPTIONS=');
  });

  test('get_service -o shell and dotenv skip a dangerous variable with a warning', async () => {
    for (const [format, line] of [
      ['shell', 'export DB_USER=web\n'],
      ['dotenv', 'DB_USER=web\n'],
    ] as const) {
      const end = await at.call(['get_service', '--service', 'web', '--prefix', '', '-o', format]);
      expect(end).toMatchObject({ code: 0, stdout: line });
      expect(end.stderr).toMatch(
        /NODE_OPTIONS of Credential c1 \(c1\) decides what code programs load and is left out/,
      );
    }
  });

  test('the list contains names of loaders, shells, interpreters and git, but no common names of secrets', () => {
    const deciding =
      'NODE_OPTIONS LD_PRELOAD LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES BASH_ENV ENV PATH IFS SHELLOPTS PROMPT_COMMAND PS4 ' +
      'PYTHONPATH PYTHONSTARTUP PYTHONHOME PERL5OPT PERL5LIB RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS _JAVA_OPTIONS ' +
      'JDK_JAVA_OPTIONS GIT_SSH GIT_SSH_COMMAND GIT_CONFIG_COUNT HOME BASH_FUNC_LS%% GCONV_PATH OPENSSL_CONF ' +
      'DOTNET_STARTUP_HOOKS CLASSPATH NODE_EXTRA_CA_CERTS CONFIDANT_CONFIG_FILES CONFIDANT_URL';
    for (const name of deciding.split(' ')) expect([name, isDangerousVariable(name)]).toEqual([name, true]);
    const secrets =
      'DB_PASSWORD GIT_TOKEN GIT_PASSWORD GITHUB_TOKEN NODE_AUTH_TOKEN NPM_TOKEN JAVA_KEYSTORE_PASSWORD HOME_ADDRESS ' +
      'PATHFINDER_KEY HTTPS_PROXY DATABASE_URL ENVIRONMENT LDAP_PASSWORD CREDENTIALS_PATH';
    for (const name of secrets.split(' ')) expect([name, isDangerousVariable(name)]).toEqual([name, false]);
  });
});
