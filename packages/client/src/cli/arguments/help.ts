import { PROGRAM, longName, type CommandSpec } from './command-spec.js';
import { GLOBAL_OPTIONS } from './global-options.js';

const WIDTH = 80;
const COLUMN = 28;

/** The heading of the commands of each module, in the order of the headings. */
const HEADINGS: Record<CommandSpec['module'], string> = {
  env: 'Services',
  services: 'Services',
  credentials: 'Credentials',
  blind: 'Blind credentials',
  history: 'Revisions',
  certificates: 'Certificates and JWTs',
  login: 'You and your shell',
  token: 'You and your shell',
  completion: 'You and your shell',
};

/** Options of every day; of the others the program's help lists the names only. */
const USUAL = ['profile', 'config-files', 'url', 'login', 'output', 'log-level'];

const EXAMPLES = `Examples:
  Run a program with the credentials of a service in its environment:
    ${PROGRAM} run --service web-production -- ./start-web
  Read a service as another profile of the configuration, as shell lines:
    ${PROGRAM} --profile web get_service --service web-production --output shell
`;

/** The help of the program: one line for each command, so that it fits on a screen. */
export function programHelp(commands: readonly CommandSpec[]): string {
  const headings = [...new Set(Object.values(HEADINGS))].flatMap((heading) => [
    `${heading}:`,
    ...commands
      .filter(({ module }) => HEADINGS[module] === heading)
      .map(({ name, summary }) => line(name, briefly(summary))),
  ]);
  const usual = GLOBAL_OPTIONS.filter((option) => USUAL.includes(longName(option)));
  const others = GLOBAL_OPTIONS.filter((option) => !usual.includes(option)).map((option) => `--${longName(option)}`);
  return [
    `Usage: ${PROGRAM} [global options] COMMAND [options]`,
    '',
    'Fetches and changes secrets kept by a Confidant server.',
    `${PROGRAM} help COMMAND explains a command; ${PROGRAM} help all prints everything.`,
    '',
    ...headings,
    '',
    'Global options, before or after the command:',
    ...usual.map(({ flags, text }) => line(flags, briefly(text))),
    line('-h, --help; --version', 'print this help; name and version'),
    line('others', others.join(', ')),
    '',
    EXAMPLES,
  ].join('\n');
}

/** The help of everything. compat: as the original prints it, with the help of every command and two examples. */
export function fullHelp(program: string, commands: readonly string[]): string {
  return [program, ...commands, EXAMPLES].join('\n');
}

/** The text up to a semicolon or a default. */
function briefly(text: string): string {
  return text.split(/; | \(default:/)[0]!;
}

function line(name: string, text: string): string {
  const rows = [''];
  for (const word of text.split(' ')) {
    const row = `${rows.at(-1)} ${word}`.trimStart();
    if (row.length <= WIDTH - COLUMN) rows[rows.length - 1] = row;
    else rows.push(word);
  }
  return rows.map((row, at) => (at === 0 ? `  ${name}` : '').padEnd(COLUMN) + row).join('\n');
}
