import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  argumentsOf,
  recipeFile,
  startProgram,
  startRecipeServer,
  writeScript,
  type RecipeServer,
  type RunningProgram,
} from '../support/recipe-server.js';

let server: RecipeServer;
beforeAll(async () => {
  server = await startRecipeServer({ db_password: 's3cret $HOME %n', db_user: 'web' });
});
afterAll(() => server?.stop());

/** Parses sections and keys in order, as in systemd.syntax(7), without continued lines. */
function parseUnit(text: string): (section: string, key: string) => string[] {
  const entries: [section: string, key: string, value: string][] = [];
  let section = '';
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const heading = /^\[(\w+)\]$/.exec(line)?.[1];
    const entry = /^(\w+)=(.*)$/.exec(line);
    if (heading !== undefined) section = heading;
    else if (entry !== null && !line.endsWith('\\')) entries.push([section, entry[1]!, entry[2]!]);
    else throw new Error(`not a line of a unit: ${line}`);
  }
  return (wanted, key) =>
    entries.filter((entry) => entry[0] === wanted && entry[1] === key).map(([, , value]) => value);
}

/** Splits words as systemd does, and refuses what systemd would replace: specifiers, variables and escapes. */
function words(value: string): string[] {
  if (/[%$\\]/.test(value)) throw new Error(`systemd would change ${value}`);
  return [...value.matchAll(/'([^']*)'|"([^"]*)"|([^\s'"]+)/g)].map(([, one, two, bare]) => one ?? two ?? bare ?? '');
}

const unit = parseUnit(recipeFile('systemd/web.service'));
const argv = words(unit('Service', 'ExecStart')[0]!);

/** Runs the unit as systemd does: without a shell, in a fresh environment, with `web` in place of /usr/bin/web. */
function startUnit(web: string | undefined, { service = 'web-production', environment = {} } = {}): RunningProgram {
  const program = join(server.folder, web === undefined ? 'nothing' : 'web');
  if (web !== undefined) writeScript(program, `#!/bin/sh\n${web}\n`);
  const here = new Map([
    ['/usr/bin/confidant', join(server.bin, 'confidant')],
    ['/usr/bin/web', program],
    ['web-production', service],
  ]);
  const env = Object.fromEntries(
    unit('Service', 'Environment').map((line) => words(line)[0]!.split('=') as [string, string]),
  );
  // Node is on the PATH as on a machine with /usr/bin/node, and the credentials are those of the machine's role.
  const given = { PATH: `${server.bin}:/usr/bin:/bin`, CONFIDANT_CONFIG_FILES: server.config, ...server.aws };
  return startProgram(
    argv.map((word) => here.get(word) ?? word),
    { env: { ...given, ...env, ...environment }, cwd: '/' },
  );
}

describe('the systemd unit', () => {
  test('the program gets its values and its own arguments', async () => {
    const end = await startUnit('printf "%s|" "$DB_PASSWORD" "$DB_USER" "$AWS_SECRET_ACCESS_KEY" "$@"').ended;
    expect(end).toMatchObject({ code: 0, stdout: 's3cret $HOME %n|web||--port|8000|', stderr: '' });
  });

  test('neither the arguments of confidant nor those of the program contain a value', async () => {
    const running = startUnit('echo "$$ has $DB_PASSWORD"; while :; do sleep 0.05; done');
    await running.printed(' has s3cret');
    const program = Number.parseInt(running.output(), 10);
    const seen = [argumentsOf(running.pid), argumentsOf(program)];
    expect(seen.join()).toContain('--port');
    expect(seen.join()).not.toContain('s3cret');
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  test('a stop sends one SIGTERM to confidant, which passes it on to the program', async () => {
    expect(unit('Service', 'KillMode')).toEqual(['mixed']);
    expect(unit('Service', 'KillSignal')).toEqual([]);
    const running = startUnit(`trap 'echo stopping; sleep 0.3; exit 0' TERM; echo ready; while :; do sleep 0.05; done`);
    await running.printed('ready');
    running.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0, stdout: 'ready\nstopping\n' });
  });

  test("the service ends with the program's exit code, which makes systemd restart it", async () => {
    expect(unit('Service', 'Restart')).toEqual(['on-failure']);
    expect((await startUnit('exit 7').ended).code).toBe(7);
    expect((await startUnit(undefined).ended).code).toBe(127);
    expect(unit('Service', 'RestartPreventExitStatus')[0]!.split(' ')).toContain('127');
  });

  test('if a value is missing or the service is another one, the program does not start and the unit fails', async () => {
    const missing = await startUnit('echo ran', { environment: { API_KEY: 'confidant' } }).ended;
    expect(missing).toMatchObject({ code: 255, stdout: '' });
    expect(missing.stderr).toContain('web-production does not set API_KEY');
    expect(await startUnit('echo ran', { service: 'other' }).ended).toMatchObject({ code: 255, stdout: '' });
  });
});
