import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { parse } from 'yaml';
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
let app: string;
beforeAll(async () => {
  server = await startRecipeServer({ db_password: 's3cret', db_user: 'web' });
  app = join(server.folder, 'app');
  mkdirSync(app);
});
afterAll(() => server?.stop());

const dockerfile = recipeFile('container/Dockerfile');
const instructions = dockerfile
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => /^([A-Z]+) (.*)$/.exec(line)!.slice(1) as [instruction: string, rest: string]);
const all = (wanted: string): string[] => instructions.filter(([name]) => name === wanted).map(([, rest]) => rest);
const execForm = (wanted: 'ENTRYPOINT' | 'CMD'): string[] => JSON.parse(all(wanted)[0]!) as string[];
const variables = Object.fromEntries(all('ENV').map((rest) => rest.split(/=(.*)/s).slice(0, 2) as [string, string]));

/** Runs ENTRYPOINT and CMD as an engine does: without a shell, with the environment of the image and of the run. */
function startContainer(script: string, added: Record<string, string> = {}): RunningProgram {
  writeScript(join(app, 'start-web'), `#!/bin/sh\n${script}\n`);
  const inImage = { ...variables, PATH: `${server.bin}:${variables['PATH']}`, HOME: '/home/node' };
  // The config is the recipe's /etc/confidant/config, and the credentials of the task's role come with the run.
  const given = { CONFIDANT_CONFIG_FILES: server.config, ...server.aws };
  return startProgram([...execForm('ENTRYPOINT'), ...execForm('CMD')], {
    env: { ...inImage, ...given, ...added },
    cwd: app,
  });
}

describe('the container', () => {
  test('the program gets its values instead of the placeholders of the image, and the arguments of CMD', async () => {
    const end = await startContainer('printf "%s|" "$DB_PASSWORD" "$DB_USER" "$AWS_SECRET_ACCESS_KEY" "$@"').ended;
    expect(end).toMatchObject({ code: 0, stdout: 's3cret|web||--port|8000|', stderr: '' });
  });

  test('a stop and other signals reach the program, which decides how to end', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const trap = `trap 'echo got; sleep 0.2; exit 3' ${signal.slice(3)}`;
      const running = startContainer(`${trap}; echo ready; while :; do sleep 0.05; done`);
      await running.printed('ready');
      running.kill(signal);
      expect(await running.ended).toMatchObject({ code: 3, stdout: 'ready\ngot\n' });
    }
  });

  test('the exit code of the container is the exit code of the program', async () => {
    expect((await startContainer('exit 7').ended).code).toBe(7);
  });

  test('if a value is missing, the program does not start and the container fails', async () => {
    const end = await startContainer('echo ran', { API_KEY: 'confidant' }).ended;
    expect(end).toMatchObject({ code: 255, stdout: '' });
    expect(end.stderr).toContain('web-production does not set API_KEY');
  });

  test('neither the image nor arguments contain secrets', async () => {
    // Every layer of the image keeps these forever.
    expect(all('ARG')).toEqual([]);
    const { PATH: _, ...marks } = variables;
    expect(Object.values(marks)).toEqual(Object.keys(marks).map(() => 'confidant'));
    const config = parse(recipeFile('config.yaml')) as { default: Record<string, unknown> };
    const known = ['auth_context', 'auth_key', 'region', 'token_cache_file', 'url'];
    expect(Object.keys(config.default).sort()).toEqual(known);

    const running = startContainer('echo "$$ has $DB_PASSWORD"; while :; do sleep 0.05; done');
    await running.printed(' has s3cret');
    const seen = [argumentsOf(running.pid), argumentsOf(Number.parseInt(running.output(), 10))].join();
    expect(seen).toContain('--port');
    expect(seen).not.toContain('s3cret');
    running.kill('SIGTERM');
    await running.ended;
  });

  test('the container does not run as root, and its image copies only the files that the recipe names', () => {
    expect(all('USER')).toEqual(['node']);
    expect(all('COPY').map((rest) => rest.split(' ')[0])).toEqual(['confidant-*.tgz', 'config.yaml', 'start-web']);
  });
});
