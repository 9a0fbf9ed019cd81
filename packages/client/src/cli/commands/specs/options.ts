import type { OptionSpec } from '../../arguments/command-spec.js';

export const id = (what: string): OptionSpec => ({ flags: '--id <id>', text: `id of the ${what}` });
export const revision: OptionSpec = {
  flags: '--revision <n>',
  text: 'revision to go back to (default: the one before the current)',
  kind: 'whole',
};
export const pairs: OptionSpec = {
  flags: '--credential-pairs <json>',
  text: 'keys and values as JSON; - reads it from standard input, @file from a file',
  kind: 'json',
};
export const prompt: OptionSpec = {
  flags: '--prompt <keys...>',
  text: 'ask for the values of these keys, without echo',
  added: true,
};
export const merge: OptionSpec = {
  flags: '--merge',
  text: 'keep the other pairs: change only the keys that are given',
  added: true,
};
export const unset: OptionSpec = {
  flags: '--unset <keys...>',
  text: 'take these keys away, and keep the other pairs',
  added: true,
};
export const expectedRevision: OptionSpec = {
  flags: '--expected-revision <n>',
  text: 'fail, and change nothing, if another revision is the current one',
  kind: 'whole',
  added: true,
};
export const documentation: OptionSpec = { flags: '--documentation <text>', text: 'how to rotate the credential' };
export const enabled: OptionSpec = { flags: '--enabled', text: 'take the mark of --disabled away' };
export const key: OptionSpec = {
  flags: '--key <key>',
  text: 'print the value of this key alone, as it is, for $(...)',
  added: true,
};
export const disabled: OptionSpec = {
  flags: '--disabled',
  text: 'mark it disabled, for people; who gets its values stays: take them away with remove_creds',
};
export const tags: OptionSpec = { flags: '--tags <tags...>', text: "tags, in place of those there are; '' for none" };
export const metadata: OptionSpec = { flags: '--metadata <json>', text: 'metadata as JSON', kind: 'json' };
export const oneState = { of: ['enabled', 'disabled'] } as const;
