import { closeSync, openSync, writeFileSync } from 'node:fs';
import { parseJson, pythonJson } from '@confidant/contract/wire';
import { Command, CommanderError } from 'commander';
import { expandOptions } from '../cli/arguments/expand.js';
import { toOptions, type OptionsOf } from '../cli/arguments/options.js';
import { readInput } from '../cli/arguments/input.js';
import { openLog } from '../cli/terminal/log.js';
import { describeComplaint, toOption, versionText } from '../cli/arguments/parse.js';
import type { OptionSpec } from '../cli/arguments/command-spec.js';
import { UsageError } from '../cli/arguments/errors.js';
import { describeJsonError } from '../text/json-syntax.js';
import { combineCredentials, envExport, FormatError, readService, type Warn } from './formatter.js';

const PROGRAM = 'confidant-format';
const TEMPLATE_TIMEOUT_MS = 10_000;

const OPTIONS = [
  { flags: '--in <file>', text: 'file with the output of get_service; - is standard input', fallback: '-' },
  {
    flags: '--out-format <format>',
    text: 'format of the output',
    choices: ['env_export', 'credential_combined', 'jinja'],
    required: true,
  },
  {
    flags: '--env-export-prefix <prefix>',
    text: 'prefix of every name, unless the credential has metadata.env_var_prefix',
    fallback: 'CREDENTIALS_',
  },
  { flags: '--template <file>', text: 'for jinja: file of the template, which reads values from the variable secrets' },
  { flags: '--strict', text: 'for jinja: fail if an undefined value is printed' },
  { flags: '--out <file>', text: 'file to write; - is standard output', fallback: '-' },
  {
    flags: '--log-level <level>',
    text: 'what to log on standard error',
    choices: ['debug', 'info', 'warning', 'error', 'critical'],
    fallback: 'info',
  },
] as const satisfies readonly OptionSpec[];

type FormatOptions = OptionsOf<(typeof OPTIONS)[number]>;

/** Runs `confidant-format`. Resolves with the exit code: 1 for unusable input, 2 for wrong arguments. */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<number> {
  try {
    const options = parse(argv);
    if (typeof options === 'string') {
      process.stdout.write(options);
      return 0;
    }
    const log = openLog(options.logLevel, PROGRAM);
    try {
      write(options.out, await format(options, (message) => log.warning(message)));
      return 0;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      log.error(error.message);
      return 1;
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${PROGRAM}: ${error.message}\n${PROGRAM}: see ${PROGRAM} --help\n`);
    return 2;
  }
}

async function format(options: FormatOptions, warn: Warn): Promise<string> {
  const form = options.outFormat;
  const template = options.template;
  if (form === 'jinja' && template === undefined) throw new FormatError('--out-format jinja needs --template');
  const service = readService(parseInput(readFrom(options.in, 'in')));
  if (service.credentials.length === 0) warn('the input has no credentials: is it what get_service prints?');
  if (form === 'env_export') return envExport(service, options.envExportPrefix, warn);
  const combined = combineCredentials(service, warn);
  // compat: no line break at the end.
  if (form === 'credential_combined') return pythonJson(combined, { sortKeys: true, indent: 4 });
  // Loaded only here: the other formats do not need it.
  const { renderJinja } = await import('./jinja/render.js');
  return renderJinja(readFrom(template!, 'template'), combined.credentials, {
    timeout: TEMPLATE_TIMEOUT_MS,
    isStrict: options.strict,
  });
}

function parse(argv: readonly string[]): FormatOptions | string {
  const program = new Command(PROGRAM)
    .description('Converts the output of `confidant get_service` into other formats.')
    .version(versionText(PROGRAM), '--version', 'print name and version')
    .helpOption('-h, --help', 'print this help')
    .allowExcessArguments(false)
    .action(() => undefined)
    .addHelpText('after', `\nExample:\n  confidant get_service --service web | ${PROGRAM} --out-format env_export\n`);
  for (const option of OPTIONS) program.addOption(toOption(option));
  let printed = '';
  let complaint = '';
  program.exitOverride().configureOutput({
    writeOut: (text) => (printed += text),
    writeErr: (text) => (complaint += text),
  });
  try {
    program.parse(expandOptions(argv, [...OPTIONS, { flags: '--version', text: '' }]), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return printed;
    throw new UsageError(describeComplaint(complaint));
  }
  return toOptions(OPTIONS, program.opts()) as FormatOptions;
}

function readFrom(file: string, name: string): string {
  return readInput(file === '-' ? 0 : file, name);
}

function parseInput(text: string): ReturnType<typeof parseJson> {
  try {
    return parseJson(text);
  } catch {
    throw new FormatError(`the input ${text.trim() === '' ? 'is empty' : describeJsonError(text)}`);
  }
}

/** Writes to standard output, or to a file, which only its owner may read if it is new: it holds secrets. */
function write(file: string, text: string): void {
  if (file === '-') {
    process.stdout.write(text);
    return;
  }
  let opened: number;
  try {
    opened = openSync(file, 'w', 0o600);
  } catch (error) {
    throw new UsageError(cannotWrite(file, error));
  }
  try {
    writeFileSync(opened, text);
  } catch (error) {
    throw new FormatError(cannotWrite(file, error));
  } finally {
    closeSync(opened);
  }
}

function cannotWrite(file: string, error: unknown): string {
  const reason = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
  return `--out: cannot write ${file} (${reason})`;
}
