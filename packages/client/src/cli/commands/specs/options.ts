import type { OptionSpec } from '../../arguments/command-spec.js';

export const id = (what: string) => ({ flags: '--id <id>', text: `id of the ${what}` }) as const satisfies OptionSpec;
export const revision = {
  flags: '--revision <n>',
  text: 'revision to restore (default: the one before the current)',
  kind: 'whole',
} as const satisfies OptionSpec;
export const pairs = {
  flags: '--credential-pairs <json>',
  text: 'keys and values as JSON; - reads it from standard input, @file from a file',
  kind: 'json',
} as const satisfies OptionSpec;
export const prompt = {
  flags: '--prompt <keys...>',
  text: 'ask for the values of these keys, without echo',
  added: true,
} as const satisfies OptionSpec;
export const merge = {
  flags: '--merge',
  text: 'change only the keys that you give, and keep the other pairs',
  added: true,
} as const satisfies OptionSpec;
export const unset = {
  flags: '--unset <keys...>',
  text: 'remove these keys and keep the other pairs',
  added: true,
} as const satisfies OptionSpec;
export const expectedRevision = {
  flags: '--expected-revision <n>',
  text: 'fail without changing anything unless this is the current revision',
  kind: 'whole',
  added: true,
} as const satisfies OptionSpec;
export const documentation = {
  flags: '--documentation <text>',
  text: 'how to rotate the credential',
} as const satisfies OptionSpec;
export const enabled = { flags: '--enabled', text: 'mark as enabled again' } as const satisfies OptionSpec;
export const key = {
  flags: '--key <key>',
  text: 'print only the value of this key, for use in $(...)',
  added: true,
} as const satisfies OptionSpec;
export const disabled = {
  flags: '--disabled',
  text: 'mark as disabled; this is only a label, services keep receiving the values: use remove_creds to stop that',
} as const satisfies OptionSpec;
export const tags = {
  flags: '--tags <tags...>',
  text: "tags, which replace all old ones; '' removes all",
} as const satisfies OptionSpec;
export const metadata = {
  flags: '--metadata <json>',
  text: 'metadata as JSON',
  kind: 'json',
} as const satisfies OptionSpec;
export const oneState = { of: ['enabled', 'disabled'] } as const;
