import type { CommandSpec } from '../../arguments/command-spec.js';

/** Logins, tokens, and the shell. */
export const CALLER_COMMANDS = [
  {
    name: 'login',
    added: true,
    summary: 'Log in through the browser; other commands then act as you',
    options: [
      {
        flags: '--no-browser',
        text: 'print an address to open in a browser on another machine, and ask for the code that the page shows',
      },
    ],
    examples: ['--url https://confidant.example.com login', 'login --no-browser'],
    module: 'login',
  },
  {
    name: 'logout',
    added: true,
    summary: 'End your login, on this machine and on the server',
    options: [{ flags: '--everywhere', text: 'end all your sessions, in browsers and on other command lines too' }],
    examples: ['logout', 'logout --everywhere'],
    module: 'login',
  },
  {
    name: 'whoami',
    added: true,
    summary: 'Show as whom the server knows you',
    options: [],
    examples: ['whoami', '--login whoami'],
    module: 'login',
  },
  {
    name: 'token',
    added: true,
    prints: 'text',
    summary: 'Print a username and token for other programs',
    options: [
      {
        flags: '--format <format>',
        text: 'basic prints username:token, headers are for curl -H @-, json is an object',
        choices: ['basic', 'headers', 'json'],
        fallback: 'basic',
      },
    ],
    failure: { exitCode: 1 },
    examples: ['token --format headers | curl -H @- https://confidant.example.com/v1/services/web-production'],
    module: 'token',
  },
  {
    name: 'completion',
    added: true,
    prints: 'text',
    summary: 'Print a completion script for bash, zsh or fish',
    options: [],
    words: '<shell>',
    failure: { exitCode: 1 },
    examples: ['completion bash > /etc/bash_completion.d/confidant'],
    module: 'completion',
  },
] as const satisfies readonly CommandSpec[];
