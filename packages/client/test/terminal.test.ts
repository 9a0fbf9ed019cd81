import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { awsEnvironment, programPath } from './support/cli.js';
import { credentialWith, deploy } from './support/deployment.js';
import type { Deployment } from './support/deployment.js';
import { startAnswering } from './support/http.js';
import type { AnsweringServer } from './support/http.js';
import { CTRL_C, CTRL_D, openTerminal } from './support/terminal.js';
import type { Terminal } from './support/terminal.js';

// Real programs on real pseudo terminals.
vi.setConfig({ testTimeout: 60_000 });

let at: Deployment;
let aws: AnsweringServer;
/** The MFA codes that STS was shown. */
const codes = () => aws.seen.map(({ body }) => new URLSearchParams(body).get('TokenCode')).filter((code) => code);

beforeAll(async () => {
  at = await deploy();
  at.configure({ token_cache_file: '' });
  at.answer(({ method, body }) => {
    if (method !== 'POST') return undefined;
    return {
      body: credentialWith(
        'new-id',
        (JSON.parse(body) as { credential_pairs: Record<string, unknown> }).credential_pairs,
      ),
    };
  });
  aws = await startAnswering(({ body }) => {
    const action = new URLSearchParams(body).get('Action')!;
    const content =
      action === 'GetUser'
        ? '<User><UserName>alice</UserName><Arn>arn:aws:iam::123456789012:user/alice</Arn><UserId>x</UserId><Path>/</Path><CreateDate>2026-01-01T00:00:00Z</CreateDate></User>'
        : `<Credentials><AccessKeyId>ASIATEMPORARY</AccessKeyId><SecretAccessKey>temporary</SecretAccessKey><SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>`;
    return {
      headers: { 'content-type': 'text/xml' },
      body: `<${action}Response><${action}Result>${content}</${action}Result></${action}Response>`,
    };
  });
});
afterAll(async () => {
  await aws.close();
  await at.close();
});
beforeEach(() => {
  at.server.seen.length = 0;
  aws.seen.length = 0;
});

const environment = () => ({
  ...awsEnvironment(at.kms.url),
  AWS_ENDPOINT_URL_STS: aws.url,
  AWS_ENDPOINT_URL_IAM: aws.url,
});
const file = (name: string): string => join(at.folder, name);
const read = (name: string): string => readFileSync(file(name), 'utf8');
const create = (...words: string[]): string =>
  `'${process.execPath}' '${programPath('confidant')}' --config-files '${at.config}' ${words.join(' ')} -o id`;
const onTerminal = (lines: string): Terminal => openTerminal(lines, { folder: at.folder, env: environment() });
const sent = () => JSON.parse(at.server.seen.at(-1)!.body) as Record<string, unknown>;

describe('values on standard input leave the terminal for questions', () => {
  it('--mfa asks for its code there, and standard output holds the answer alone', async () => {
    writeFileSync(file('pairs.json'), '{"key": "from the file"}');
    const line = create('--mfa', 'create_credential', '--name', 'db', '--credential-pairs', '-');
    const terminal = onTerminal(`${line} <pairs.json >mfa.out`);
    await terminal.shown('MFA code: ');
    terminal.type('123456\r');
    const { code, screen } = await terminal.ended;
    expect({ code, codes: codes(), out: read('mfa.out') }).toEqual({ code: 0, codes: ['123456'], out: 'new-id\n' });
    expect(sent()).toMatchObject({ credential_pairs: { key: 'from the file' } });
    expect(screen).not.toContain('123456');
  });

  it('--prompt asks there, though standard error goes elsewhere too', async () => {
    writeFileSync(file('metadata.json'), '{"team": "web"}');
    const line = create('create_credential', '--name', 'db', '--prompt', 'one', 'two', '--metadata', '-');
    const terminal = onTerminal(`${line} <metadata.json >prompt.out 2>prompt.err`);
    await terminal.shown('one: ');
    terminal.type('first s3cret\r');
    await terminal.shown('two: ');
    terminal.type('zweites gehéimnis\r');
    const { code, screen } = await terminal.ended;
    expect({ code, err: read('prompt.err') }).toEqual({ code: 0, err: 'confidant: stored: one, two\n' });
    expect(sent()).toMatchObject({
      credential_pairs: { one: 'first s3cret', two: 'zweites gehéimnis' },
      metadata: { team: 'web' },
    });
    expect(screen).not.toMatch(/s3cret|geh/);
  });

  it('without any terminal it says so', async () => {
    // setsid leaves the terminal that runs the tests, if there is one.
    const words = `${create('create_credential', '--name', 'db', '--prompt', 'one')} <&- >no.out 2>no.err`;
    const terminal = onTerminal(`setsid --wait sh -c "${words}"`);
    expect((await terminal.ended).code).toBe(2);
    expect(read('no.err')).toContain('one can only be asked for on a terminal');
    expect(at.server.seen).toEqual([]);
  });
});

it('standard input that is a terminal is asked on, though it controls nobody', async () => {
  const words = `${create('create_credential', '--name', 'db', '--prompt', 'one')} >own.out`;
  const terminal = onTerminal(`setsid --wait sh -c "${words}"`);
  await terminal.shown('one: ');
  terminal.type('v\r');
  expect((await terminal.ended).code).toBe(0);
  expect(read('own.out')).toBe('new-id\n');
});

describe('a question', () => {
  const ask = () => create('create_credential', '--name', 'db', '--prompt', 'one', '--metadata', '-');
  const asking = async (lines: string): Promise<Terminal> => {
    const terminal = onTerminal(lines);
    await terminal.shown('one: ');
    return terminal;
  };

  it('is given up with Ctrl-C: exit 130, nothing sent, the terminal echoes again', async () => {
    for (const key of [CTRL_C, CTRL_D]) {
      const terminal = await asking(`echo '{}' | ${ask()} >given-up.out\ncode=$?\nstty -a\nexit $code`);
      terminal.type(`half${key}`);
      // Ctrl-D ends an empty line only.
      if (key === CTRL_D) terminal.type(`\x15${key}`);
      const { code, screen } = await terminal.ended;
      expect({ code, out: read('given-up.out') }).toEqual({ code: 130, out: '' });
      expect(screen).toMatch(/[^-]echo\b/);
      expect(screen).not.toContain('half');
    }
    expect(at.server.seen).toEqual([]);
  });

  it('for a value that is answered with nothing is asked again, and three times at most', async () => {
    const again = 'one (nothing was typed; Ctrl-C gives up): ';
    const terminal = await asking(`echo '{}' | ${ask()} >again.out 2>again.err`);
    terminal.type('\r');
    await terminal.shown(again);
    terminal.type('typed at last\r');
    expect([(await terminal.ended).code, read('again.out')]).toEqual([0, 'new-id\n']);
    expect(sent()).toMatchObject({ credential_pairs: { one: 'typed at last' } });
    at.server.seen.length = 0;

    const empty = await asking(`echo '{}' | ${ask()} >empty.out 2>empty.err`);
    empty.type('\r');
    await empty.shown(again);
    empty.type('\r');
    await expect.poll(() => empty.screen().split(again), { timeout: 30_000 }).toHaveLength(3);
    empty.type('\r');
    expect([(await empty.ended).code, read('empty.out'), at.server.seen]).toEqual([1, '', []]);
    expect(read('empty.err')).toContain('nothing was typed for one, and nothing is stored');
  });

  it('that is ended by a signal leaves a terminal that echoes', async () => {
    writeFileSync(file('asking.sh'), `echo $$ >pid.new && mv pid.new pid && echo {} >in && exec ${ask()} <in`);
    const terminal = await asking('sh asking.sh; echo "ended $?"; stty -a');
    process.kill(Number(read('pid')), 'SIGTERM');
    const { screen } = await terminal.ended;
    expect(screen).toContain('ended 143');
    expect(screen).toMatch(/[^-]echo\b/);
  });

  it('ends when the terminal goes away, also for a command that hang-ups do not end', async () => {
    for (const first of ['', "trap '' HUP\n"]) {
      const name = first === '' ? 'hup' : 'nohup';
      const terminal = await asking(`${first}(echo '{}' | ${ask()} >away.out 2>away.err; echo $? >${name}.code)`);
      terminal.hangUp();
      await terminal.ended;
      if (first === '') continue;
      while (!existsSync(file(`${name}.code`))) await wait(50);
      expect([read('away.err'), read(`${name}.code`)]).toEqual(['', '130\n']);
    }
    expect(at.server.seen).toEqual([]);
  });
});

describe('on a terminal without redirections', () => {
  it('--mfa and --prompt ask one after the other', async () => {
    const terminal = onTerminal(create('--mfa', 'create_credential', '--name', 'db', '--prompt', 'one'));
    await terminal.shown('one: ');
    terminal.type('v\r');
    await terminal.shown('MFA code: ');
    terminal.type('654321\r');
    expect((await terminal.ended).code).toBe(0);
    expect(codes()).toEqual(['654321']);
    expect(sent()).toMatchObject({ credential_pairs: { one: 'v' } });
  });

  it('--mfa is given up with Ctrl-C too: exit 130, no word of KMS', async () => {
    const terminal = onTerminal(create('--mfa', 'create_credential', '--name', 'db', '--credential-pairs', "'{}'"));
    await terminal.shown('MFA code: ');
    terminal.type(CTRL_C);
    const { code, screen } = await terminal.ended;
    expect([code, codes(), at.server.seen]).toEqual([130, [], []]);
    expect(screen).not.toContain('KMS');
  });
});

describe('what others wrote', () => {
  const STEERING = '\u001b]52;c;eA==\u0007 \u009b2K \u202e';

  it('is shown on a terminal, not obeyed: values, names and errors; a file gets values as they are', async () => {
    at.answer(({ path }) =>
      path.includes('/refused')
        ? { status: 400, body: { error: STEERING } }
        : { body: credentialWith('c1', { key: STEERING, [`k${STEERING}`]: 'v' }) },
    );
    const get = (...words: string[]) => create('get_credential', '--id', ...words).replace(/ -o id$/, '');
    const terminal = onTerminal(
      [get('c1', '-o', 'shell'), get('c1', '-o', 'yaml'), get('refused'), get('c1', '-o', 'shell', '>values')].join(
        '\n',
      ),
    );
    const { screen } = await terminal.ended;
    // oxlint-disable-next-line no-control-regex
    expect(screen).not.toMatch(/[\u001b\u0007\u009b\u202e]/);
    expect(screen).toContain("export CREDENTIALS_KEY='\\u001b]52;c;eA==\\u0007 \\u009b2K \\u202e'");
    expect(screen).toContain('answered 400: \\u001b]52');
    expect(read('values')).toBe(`export CREDENTIALS_KEY='${STEERING}'\n`);
  });
});
