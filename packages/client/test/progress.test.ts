import { afterAll, beforeAll, expect, test } from 'vitest';
import { awsEnvironment, programPath } from './support/cli.js';
import { deploy, serviceWith, type Deployment } from './support/deployment.js';
import { openTerminal } from './support/terminal.js';

let at: Deployment;
beforeAll(async () => {
  at = await deploy();
});
afterAll(() => at.close());

const line = (...words: string[]): string =>
  `'${process.execPath}' '${programPath('confidant')}' --config-files '${at.config}' ${words.join(' ')}`;

test('a terminal shows what a slow command is waiting for until the response arrives, and a file gets nothing', async () => {
  let answer = (): void => undefined;
  const released = new Promise<void>((resolve) => (answer = resolve));
  at.answer(async () => {
    await released;
    return { body: serviceWith({ key: 'value' }) };
  });
  const script = `${line('get_service', '--service', 'web')} >slow.out 2>slow.err & ${line(
    ...['run', '--service', 'web', '--', 'sh', '-c', `'echo "the value is $CREDENTIALS_KEY"'`],
  )}; wait; cat slow.err; echo end of file`;
  const terminal = openTerminal(script, { folder: at.folder, env: awsEnvironment(at.kms.url) });
  await terminal.shown(`confidant: waiting for ${at.server.url} (`);
  answer();
  const { code, screen } = await terminal.ended;
  expect(code).toBe(0);
  // The line is cleared before the command prints, and at its end.
  expect(screen).toMatch(/\r\x1b\[Kthe value is value\r\nend of file\r\n$/);
});
