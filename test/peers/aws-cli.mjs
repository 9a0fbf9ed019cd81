import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { awsCli, ROOT } from './installs.mjs';
import { cleanEnvironment, run, tail } from './processes.mjs';
import { check } from './report.mjs';
import { parseJson, startEmbedded } from './servers.mjs';

/** Runs AWS's own command line against the embedded default, with the guide's lines exactly as a reader pastes them. */
export async function awsCliAgainstTheKeyring() {
  const bin = await awsCli();
  const server = await startEmbedded();
  const guide = readFileSync(join(ROOT, 'docs/client.md'), 'utf8');
  const lines = /```\n(\. data\/client\.env\n(?:.*\baws kms .*\n)+)```/.exec(guide)?.[1];
  const cwd = dirname(dirname(server.config));
  const client = async (...args) => {
    const program = join(ROOT, 'packages/client/bin/confidant.js');
    const given = ['--config-files', server.config, '--timeout', '60', ...args];
    const end = await run(process.execPath, [program, ...given], { env: server.env });
    assert.equal(end.code, 0, `exit ${end.code}\n${end.stdout}\n${tail(end.stderr)}`);
    return end.stdout;
  };

  await check("the guide's lines create a key for blind credentials", async () => {
    assert.ok(lines, 'the guide has no lines that create a key');
    const env = cleanEnvironment({ PATH: `${bin}:${process.env.PATH}` });
    const end = await run('sh', ['-euc', lines], { env, cwd });
    assert.equal(end.code, 0, `exit ${end.code}\n${end.stdout}\n${tail(end.stderr)}`);
  });
  await check('a blind credential encrypted under that key can be decrypted, and only with the key', async () => {
    const keys = ['--blind-keys', '{"us-east-1": "alias/blind-useast1"}', '--group-context', '{"group": "web"}'];
    const pairs = ['--credential-pairs', '{"key": "blind value"}'];
    const id = (await client('create_blind_credential', '--name', 'tls', ...keys, ...pairs, '-o', 'id')).trim();
    const sealed = await client('get_blind_credential', '--id', id);
    assert.ok(!sealed.includes('blind value'));
    const opened = parseJson(await client('get_blind_credential', '--id', id, '--decrypt-blind'));
    assert.deepEqual(opened.blind_credential.decrypted_credential_pairs, { key: 'blind value' });
  });
  await server.stop();
}
