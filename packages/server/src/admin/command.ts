import type { Command } from 'commander';
import type { Environment } from '../config/setting-types.js';

/** What a command works with: its surroundings, and the exit code it leaves (0 unless it sets another). */
export interface AdminContext {
  environment: Environment;
  out: (text: string) => void;
  err: (text: string) => void;
  exitCode: number;
}

/** Adds a group of commands. Each group has a file of its own in this folder, and a place in cli.ts. */
export type CommandGroup = (program: Command, context: AdminContext) => void;

/** A command can not do what it was asked; the message tells the operator what to do. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  constructor(
    message: string,
    /** 1: it failed. 2: it was asked wrongly. */
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
