import type { CommandSpec, OptionSpec } from '../../arguments/command-spec.js';

const envOptions = [
  { flags: '--service <name>', text: 'service whose credentials become variables', required: true },
  { flags: '--prefix <prefix>', text: 'put before every name', fallback: 'CREDENTIALS_' },
  { flags: '--wrapped', text: 'this is the inner run of command_wrap' },
  { flags: '--force', text: 'go on although command_safety_regex matches' },
  { flags: '--blind', text: 'decrypt blind credentials too and add their values', added: true },
  {
    flags: '--strict',
    text: 'fail if a variable that the environment sets to `confidant` is not given, two credentials give one name, or a key is no variable name',
    added: true,
  },
  { flags: '--require <names>', text: 'fail if one of these variables is not given; separated by commas', added: true },
  { flags: '--pristine', text: "give the command nothing but the service's values", added: true },
  { flags: '--watch', text: 'restart the command when the variables it is given change', added: true },
  {
    flags: '--watch-interval <seconds>',
    text: 'how often to look',
    kind: 'seconds',
    fallback: 60,
    needs: 'watch',
    added: true,
  },
  {
    flags: '--watch-signal <signal>',
    text: 'send this instead of restarting, for example SIGHUP',
    needs: 'watch',
    added: true,
  },
] as const satisfies readonly OptionSpec[];

/** compat: what `env` does without success. */
const envFailure = { exitCode: 255 } as const;

/** What services run. */
export const VALUE_COMMANDS = [
  {
    name: 'get_service',
    prints: 'values',
    summary: 'Read a service with the credentials mapped to it',
    options: [
      { flags: '--service <name>', text: 'name of the service', required: true },
      { flags: '--no-decrypt-blind', text: 'leave blind credentials encrypted' },
      { flags: '--metadata-only', text: 'without any values', added: true },
      {
        flags: '--prefix <prefix>',
        text: 'for dotenv and shell: put before every name',
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
    summary: "Run a command with a service's values as variables",
    options: envOptions,
    takesCommand: true,
    failure: envFailure,
    examples: ['run --service web-production --strict --watch -- ./start-web --port 8000'],
    module: 'env',
  },
  {
    name: 'env',
    prints: 'variables',
    summary: 'The older name of run',
    options: envOptions,
    takesCommand: true,
    failure: envFailure,
    examples: ['env --service web-production -- ./start-web', 'env --service web-production --output shell'],
    module: 'env',
  },
] as const satisfies readonly CommandSpec[];
