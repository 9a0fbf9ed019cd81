import type { CommandSpec, OptionSpec } from '../../arguments/command-spec.js';

const envOptions = [
  { flags: '--service <name>', text: 'service whose credentials become variables', required: true },
  { flags: '--prefix <prefix>', text: 'put this before every name', fallback: 'CREDENTIALS_' },
  { flags: '--wrapped', text: 'do not start command_wrap; used when it runs this command again' },
  { flags: '--force', text: 'run even if command_safety_regex matches' },
  { flags: '--blind', text: 'decrypt blind credentials too and add their values', added: true },
  {
    flags: '--strict',
    text: 'fail if the service does not set a variable whose value is `confidant`, if two credentials set one variable, or if a key is not a valid variable name',
    added: true,
  },
  { flags: '--require <names>', text: 'fail if one of these variables is missing; separated by commas', added: true },
  { flags: '--pristine', text: "pass only the service's variables to the command", added: true },
  { flags: '--watch', text: 'restart the command when its variables change', added: true },
  {
    flags: '--watch-interval <seconds>',
    text: 'seconds between two checks',
    kind: 'seconds',
    fallback: 60,
    needs: 'watch',
    added: true,
  },
  {
    flags: '--watch-signal <signal>',
    text: 'send this signal instead of restarting, for example SIGHUP',
    needs: 'watch',
    added: true,
  },
] as const satisfies readonly OptionSpec[];

/** compat: the exit code of an `env` that fails. */
const envFailure = { exitCode: 255 } as const;

/** Commands that programs of services run. */
export const VALUE_COMMANDS = [
  {
    name: 'get_service',
    prints: 'values',
    summary: 'Read a service with the credentials mapped to it',
    options: [
      { flags: '--service <name>', text: 'name of the service', required: true },
      { flags: '--no-decrypt-blind', text: 'leave blind credentials encrypted' },
      { flags: '--metadata-only', text: 'leave out all values', added: true },
      {
        flags: '--prefix <prefix>',
        text: 'for dotenv and shell: put this before every name',
        fallback: 'CREDENTIALS_',
        added: true,
      },
    ],
    examples: ['get_service --service web-production', 'get_service --service web-production --output dotenv'],
    module: 'services',
  },
  {
    name: 'run',
    added: true,
    prints: 'variables',
    summary: "Run a command with a service's values in its environment",
    options: envOptions,
    takesCommand: true,
    failure: envFailure,
    examples: ['run --service web-production --strict --watch -- ./start-web --port 8000'],
    module: 'env',
  },
  {
    name: 'env',
    prints: 'variables',
    summary: 'Older name of run, with the same options',
    options: envOptions,
    takesCommand: true,
    failure: envFailure,
    examples: ['env --service web-production -- ./start-web', 'env --service web-production --output shell'],
    module: 'env',
  },
] as const satisfies readonly CommandSpec[];
