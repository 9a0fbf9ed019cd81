import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { awsEnvironment, programPath } from './support/cli.js';
import { credentialWith, deploy, type Deployment } from './support/deployment.js';
import { startAnswering, type AnsweringServer } from './support/http.js';
import { CTRL_C, CTRL_D, CTRL_Z, openTerminal, type Terminal } from './support/terminal.js';

// These tests run real programs on real pseudo terminals.
let at: Deployment;
let aws: AnsweringServer;
/** The MFA codes that STS received. */
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

describe('prompts with redirected standard input', () => {
  test('--mfa asks on the terminal, and standard output gets only the result', async () => {
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

  test('--prompt asks on the terminal, even if standard error is redirected, too', async () => {
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

  test('without a terminal a prompt is an error that says so', async () => {
    // setsid detaches from the terminal that runs the tests, if there is one.
    const words = `${create('create_credential', '--name', 'db', '--prompt', 'one')} <&- >no.out 2>no.err`;
    const terminal = onTerminal(`setsid --wait sh -c "${words}"`);
    expect((await terminal.ended).code).toBe(2);
    expect(read('no.err')).toContain('one can only be asked for on a terminal');
    expect(at.server.seen).toEqual([]);
  });
});

test('a prompt uses standard input if that is a terminal, even if it is not the controlling one', async () => {
  const words = `${create('create_credential', '--name', 'db', '--prompt', 'one')} >own.out`;
  const terminal = onTerminal(`setsid --wait sh -c "${words}"`);
  await terminal.shown('one: ');
  terminal.type('v\r');
  expect((await terminal.ended).code).toBe(0);
  expect(read('own.out')).toBe('new-id\n');
});

describe('a prompt', () => {
  const ask = () => create('create_credential', '--name', 'db', '--prompt', 'one', '--metadata', '-');
  const asking = async (lines: string): Promise<Terminal> => {
    const terminal = onTerminal(lines);
    await terminal.shown('one: ');
    return terminal;
  };

  test('Ctrl-C cancels with exit code 130, sends nothing and restores the echo', async () => {
    for (const key of [CTRL_C, CTRL_D]) {
      const terminal = await asking(`echo '{}' | ${ask()} >given-up.out\ncode=$?\nstty -a\nexit $code`);
      terminal.type(`half${key}`);
      // Ctrl-D ends the input only on an empty line.
      if (key === CTRL_D) terminal.type(`\x15${key}`);
      const { code, screen } = await terminal.ended;
      expect({ code, out: read('given-up.out') }).toEqual({ code: 130, out: '' });
      expect(screen).toMatch(/[^-]echo\b/);
      expect(screen).not.toContain('half');
    }
    expect(at.server.seen).toEqual([]);
  });

  test('an empty answer is asked for again, at most three times', async () => {
    const again = 'one (nothing was typed; Ctrl-C cancels): ';
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

  test('a signal that ends the program restores the echo', async () => {
    writeFileSync(file('asking.sh'), `echo $$ >pid.new && mv pid.new pid && echo {} >in && exec ${ask()} <in`);
    const terminal = await asking('sh asking.sh; echo "ended $?"; stty -a');
    process.kill(Number(read('pid')), 'SIGTERM');
    const { screen } = await terminal.ended;
    expect(screen).toContain('ended 143');
    expect(screen).toMatch(/[^-]echo\b/);
  });

  test('the prompt ends when the terminal goes away, even if the command ignores hang-ups', async () => {
    for (const first of ['', "trap '' HUP\n"]) {
      const name = first === '' ? 'hup' : 'nohup';
      const code = `echo $? >code.new && mv code.new ${name}.code`;
      const terminal = await asking(`${first}(echo '{}' | ${ask()} >away.out 2>away.err; ${code})`);
      terminal.hangUp();
      await terminal.ended;
      if (first === '') continue;
      await expect.poll(() => existsSync(file(`${name}.code`)), { timeout: 60_000 }).toBe(true);
      expect([read('away.err'), read(`${name}.code`)]).toEqual(['', '130\n']);
    }
    expect(at.server.seen).toEqual([]);
  });
});

describe('a value of several lines', () => {
  const MARKS = '\x1b[?2004h';
  const NO_MARKS = '\x1b[?2004l';
  const marked = (text: string) => `\x1b[200~${text}\x1b[201~`;
  const pemOf = (lines: number) =>
    `-----BEGIN PRIVATE KEY-----\n${`${'M1nE'.repeat(16)}\n`.repeat(lines)}-----END PRIVATE KEY-----\n`;
  const PEM = pemOf(200);
  const ask = (keys: string, out = 'lines') =>
    `${create('create_credential', '--name', 'db', '--prompt', keys)} >${out}.out 2>${out}.err\ncode=$?\nstty -a\nexit $code`;

  test('several lines that are pasted with marks are stored as they are, and not shown', async () => {
    const terminal = onTerminal(ask('cert key plain'));
    await terminal.shown('cert: ');
    expect(terminal.screen()).toContain(`${MARKS}cert: `);
    // Most terminals send line ends like this.
    terminal.type(`${marked(PEM.replaceAll('\n', '\r'))}\r`);
    await terminal.shown('key: ');
    // The last line has no line end, and other text is typed before and after the paste.
    terminal.type(`<${marked('one\ttab\r\n\ntwo é😀\x1a')}xy\x7f\x7f>\r`);
    await terminal.shown('plain: ');
    // This line was copied with its line end.
    terminal.type(`${marked('s3cret line\n')}\r`);
    const { code, screen } = await terminal.ended;
    expect({ code, err: read('lines.err') }).toEqual({ code: 0, err: 'confidant: stored: cert, key, plain\n' });
    expect(sent()).toMatchObject({
      credential_pairs: { cert: PEM, key: '<one\ttab\n\ntwo é😀\x1a>', plain: 's3cret line' },
    });
    expect(screen).not.toMatch(/M1nE|PRIVATE|two|s3cret/);
    expect(screen.lastIndexOf(NO_MARKS)).toBeGreaterThan(screen.lastIndexOf(MARKS));
  });

  test('several lines without marks are an error that names the alternative, and nothing is stored or left for the shell', async () => {
    // A terminal delivers a key of 2048 bits in several parts, which may come late.
    for (const pasted of [pemOf(26).replaceAll('\n', '\r'), '\rbehind an empty line', 'two\r\nlines', 'a\rb\r']) {
      const terminal = onTerminal(ask('cert key', 'cut'));
      await terminal.shown('cert: ');
      terminal.type(pasted);
      const { code, screen } = await terminal.ended;
      expect([code, at.server.seen]).toEqual([1, []]);
      expect(read('cut.err')).toMatch(/more than one line was pasted for cert, .*--credential-pairs @file/);
      expect(screen).not.toMatch(/M1nE|PRIVATE|behind|lines/);
      expect(screen).toMatch(/[^-]echo\b/);
    }
  });

  test('one line with a line end, or with empty lines after it, is a single line', async () => {
    for (const typed of ['v\r\n', 'v\r\r', 'v\n']) {
      at.server.seen.length = 0;
      const terminal = onTerminal(ask('one'));
      await terminal.shown('one: ');
      terminal.type(typed);
      expect((await terminal.ended).code).toBe(0);
      expect(sent()).toMatchObject({ credential_pairs: { one: 'v' } });
    }
  });

  test('an answer over the limit is an error, and nothing is stored or left for the shell', async () => {
    const terminal = onTerminal(ask('big', 'big'));
    await terminal.shown('big: ');
    terminal.type(`${marked('0123456789abcde\n'.repeat(16 * 1024 + 1))}\r`);
    const { code, screen } = await terminal.ended;
    expect([code, at.server.seen]).toEqual([1, []]);
    expect(read('big.err')).toContain('more than 262144 characters were entered for big, and nothing is stored');
    expect(screen).not.toContain('abcde');
  });

  test('Ctrl-C, also during a paste, and signals turn the marks off', async () => {
    for (const typed of [CTRL_C, `\x1b[200~half\r${CTRL_C}`]) {
      const terminal = onTerminal(ask('one'));
      await terminal.shown('one: ');
      terminal.type(typed);
      const { code, screen } = await terminal.ended;
      expect([code, at.server.seen]).toEqual([130, []]);
      expect(screen.lastIndexOf(NO_MARKS)).toBeGreaterThan(screen.lastIndexOf(MARKS));
    }
    writeFileSync(file('marks.sh'), `echo $$ >pid.new && mv pid.new marks.pid && exec ${ask('one').split('\n')[0]}`);
    const terminal = onTerminal('sh marks.sh; echo "ended $?"');
    await terminal.shown('one: ');
    process.kill(Number(read('marks.pid')), 'SIGTERM');
    const { screen } = await terminal.ended;
    expect(screen).toContain('ended 143');
    expect(screen.lastIndexOf(NO_MARKS)).toBeGreaterThan(screen.lastIndexOf(MARKS));
  });

  test('a terminal without escape sequences gets no marks, and pasting one line works', async () => {
    const terminal = onTerminal(`TERM=dumb\n${ask('one')}`);
    await terminal.shown('one: ');
    terminal.type('v\r');
    const { code, screen } = await terminal.ended;
    expect(code).toBe(0);
    expect(screen).not.toContain('\x1b');
  });
});

test('a line can be edited with the usual keys', async () => {
  const terminal = onTerminal(create('create_credential', '--name', 'db', '--prompt', 'one', 'two'));
  await terminal.shown('one: ');
  // The keys are Ctrl-U; left, left, backspace; Ctrl-A, delete; Ctrl-E.
  terminal.type('gone\x15xab😀c\x1b[D\x1b[D\x7fB\x01\x1b[3~A\x05!\r');
  await terminal.shown('two: ');
  // The keys are Ctrl-W; home, right, Ctrl-K.
  terminal.type('ab wrong\x17\x1b[H\x1b[C\x0bc\r');
  expect((await terminal.ended).code).toBe(0);
  expect(sent()).toMatchObject({ credential_pairs: { one: 'AaB😀c!', two: 'ac' } });
});

describe('Ctrl-Z', () => {
  // A shell with job control that does not change the terminal's modes.
  const jobs = (line: string, then: string) => `set -m\n${line}\necho "suspended $?"\nstty -a >modes\n${then}`;

  test('Ctrl-Z suspends a prompt and restores the terminal, and fg shows the prompt again', async () => {
    const line = create('--mfa', 'create_credential', '--name', 'db', '--prompt', 'one', '>fg.out');
    const terminal = onTerminal(jobs(line, 'fg\nfg\necho "ended $?"\nstty -a'));
    await terminal.shown('one: ');
    terminal.type(`half and ${CTRL_Z}${CTRL_Z}`);
    await terminal.shown('one: ', 2);
    expect(terminal.screen()).toMatch(/suspended 1\d\d/);
    expect(read('modes')).toMatch(/[^-]echo\b/);
    expect(read('modes')).toMatch(/[^-]icanon\b/);
    expect(terminal.screen()).toMatch(/2004h[^]*2004l[^]*suspended[^]*2004h/);
    terminal.type('half\r');
    await terminal.shown('MFA code: ');
    terminal.type(CTRL_Z);
    await terminal.shown('MFA code: ', 2);
    terminal.type('111222\r');
    const { screen } = await terminal.ended;
    expect(screen).toContain('ended 0');
    expect(screen).toMatch(/[^-]echo\b/);
    expect(screen).not.toMatch(/half|111222/);
    expect([read('fg.out'), codes()]).toEqual(['new-id\n', ['111222']]);
    expect(sent()).toMatchObject({ credential_pairs: { one: 'half and half' } });
  });

  test('Ctrl-Z suspends the whole pipeline', async () => {
    const line = create('create_credential', '--name', 'db', '--prompt', 'one', '--metadata', '-');
    const terminal = onTerminal(jobs(`echo '{}' | ${line} | cat`, 'fg'));
    await terminal.shown('one: ');
    terminal.type(CTRL_Z);
    await terminal.shown('one: ', 2);
    terminal.type('v\r');
    expect((await terminal.ended).screen).toContain('new-id');
  });

  test('the shell can end a suspended program', async () => {
    const line = create('create_credential', '--name', 'db', '--prompt', 'one');
    writeFileSync(file('killed.sh'), `echo $$ >killed.pid && exec ${line}`);
    const kill = 'kill $(cat killed.pid); kill -CONT %1; read line';
    const terminal = onTerminal(jobs('(sh killed.sh; echo "ended $?")', kill));
    await terminal.shown('one: ');
    terminal.type(CTRL_Z);
    await terminal.shown('ended 143');
    terminal.type('\r');
    await terminal.ended;
    expect(at.server.seen).toEqual([]);
  });

  test('Ctrl-Z is ignored if no shell could continue the program', async () => {
    const terminal = onTerminal(create('create_credential', '--name', 'db', '--prompt', 'one'));
    await terminal.shown('one: ');
    terminal.type(CTRL_Z);
    await terminal.shown('one: ', 2);
    terminal.type('v\r');
    expect((await terminal.ended).code).toBe(0);
  });

  test('a prompt that was stopped from outside is shown again, without echo', async () => {
    writeFileSync(
      file('stopped.sh'),
      `echo $$ >pid.new && mv pid.new stopped.pid && exec ${create('create_credential', '--name', 'db', '--prompt', 'one')}`,
    );
    const terminal = onTerminal(jobs('sh stopped.sh', 'stty sane\nfg\necho "ended $?"'));
    await terminal.shown('one: ');
    process.kill(Number(read('stopped.pid')), 'SIGSTOP');
    await terminal.shown('one: ', 2);
    terminal.type('v1sible\r');
    const { screen } = await terminal.ended;
    expect(screen).toContain('ended 0');
    expect(screen).not.toContain('v1sible');
    expect(sent()).toMatchObject({ credential_pairs: { one: 'v1sible' } });
  });
});

describe('on a terminal without redirections', () => {
  test('--mfa and --prompt ask one after the other', async () => {
    const terminal = onTerminal(create('--mfa', 'create_credential', '--name', 'db', '--prompt', 'one'));
    await terminal.shown('one: ');
    terminal.type('v\r');
    await terminal.shown('MFA code: ');
    terminal.type('654321\r');
    expect((await terminal.ended).code).toBe(0);
    expect(codes()).toEqual(['654321']);
    expect(sent()).toMatchObject({ credential_pairs: { one: 'v' } });
  });

  test('Ctrl-C cancels --mfa with exit code 130, without a message about KMS', async () => {
    const terminal = onTerminal(create('--mfa', 'create_credential', '--name', 'db', '--credential-pairs', "'{}'"));
    await terminal.shown('MFA code: ');
    terminal.type(CTRL_C);
    const { code, screen } = await terminal.ended;
    expect([code, codes(), at.server.seen]).toEqual([130, [], []]);
    expect(screen).not.toContain('KMS');
  });
});

describe('text from others', () => {
  const STEERING = '\u001b]52;c;eA==\u0007 \u009b2K \u202e';

  test('values, names and errors cannot control a terminal, and a file gets values as they are', async () => {
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
    const { screen: all } = await terminal.ended;
    // While a response takes long, the program prints what it waits for, and then clears the line.
    // oxlint-disable-next-line no-control-regex
    const screen = all.replaceAll(/\r\u001b\[K(confidant: waiting for (AWS KMS|http:\S+) \(\d+ s\))?/g, '');
    // oxlint-disable-next-line no-control-regex
    expect(screen).not.toMatch(/[\u001b\u0007\u009b\u202e]/);
    expect(screen).toContain("export CREDENTIALS_KEY='\\u001b]52;c;eA==\\u0007 \\u009b2K \\u202e'");
    expect(screen).toContain('answered 400: \\u001b]52');
    expect(read('values')).toBe(`export CREDENTIALS_KEY='${STEERING}'\n`);
  });
});
