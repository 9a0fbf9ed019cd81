import type { Command } from 'commander';
import type { Environment } from '../config/setting-types.js';

/** The environment, the output and the exit code of a command. */
export interface AdminContext {
  environment: Environment;
  out: (text: string) => void;
  err: (text: string) => void;
  /** Set by the command; 0 at first. */
  exitCode: number;
}

/** Adds a group of commands to the program. `cli.ts` lists the groups. */
export type CommandGroup = (program: Command, context: AdminContext) => void;

/** A failure of a command. The message says what to do. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  constructor(
    message: string,
    /** 1 for a failure, 2 for a mistake in the arguments. */
    readonly exitCode: 1 | 2 = 1,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Splits a list like `a, b`; empty items are left out. */
export function commas(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
