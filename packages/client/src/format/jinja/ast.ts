import type { JinjaValue } from './values.js';

/**
 * A part of a template that has a value. A `sequence` is a list or a tuple, or the names that share an assigned value.
 * A comparison is a `test`: `a not in b` is the negated test `in`. A `capture` is the text that its body prints.
 */
export type Expression =
  | { kind: 'literal'; value: JinjaValue }
  | { kind: 'name'; name: string }
  | { kind: 'sequence'; items: readonly Expression[] }
  | { kind: 'map'; entries: readonly (readonly [Expression, Expression])[] }
  | { kind: 'member'; object: Expression; key: Expression }
  | { kind: 'slice'; object: Expression; bounds: readonly (Expression | undefined)[] }
  | { kind: 'call'; callee: Expression; args: readonly Argument[]; caller?: Macro }
  | { kind: 'filter'; name: string; operand: Expression; args: readonly Argument[] }
  | { kind: 'test'; name: string; operand: Expression; args: readonly Argument[]; isNegated: boolean }
  | { kind: 'unary'; operator: string; operand: Expression }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression }
  | { kind: 'conditional'; test: Expression; value: Expression; otherwise: Expression | undefined }
  | { kind: 'capture'; body: readonly Statement[] };
export type Capture = Extract<Expression, { kind: 'capture' }>;

/** `value`, `name=value`, `*value` or `**value`. */
export interface Argument {
  value: Expression;
  name?: string | undefined;
  spread?: '*' | '**' | undefined;
}

/** The body of a `macro` or `call` block. It takes more than its parameters if it names `varargs` or `kwargs`. */
export interface Macro {
  parameters: readonly { name: string; fallback: Expression | undefined }[];
  body: readonly Statement[];
  hasVarargs: boolean;
  hasKwargs: boolean;
}

/** A text or a tag. `line` is the line, from 1, in which the tag begins; each `elif` has its own. */
export type Statement =
  | { kind: 'text'; text: string }
  | { kind: 'print'; line: number; value: Expression }
  | {
      kind: 'if';
      branches: readonly { line: number; test: Expression; body: readonly Statement[] }[];
      otherwise: readonly Statement[];
    }
  | {
      kind: 'for';
      line: number;
      target: Expression;
      over: Expression;
      test: Expression | undefined;
      body: readonly Statement[];
      otherwise: readonly Statement[];
    }
  | { kind: 'set'; line: number; target: Expression; value: Expression }
  | { kind: 'macro'; line: number; name: string; macro: Macro };
export type Loop = Extract<Statement, { kind: 'for' }>;

/** Returns the key of a member if the template says it: a name, a text or a place in a list. */
export function keyOf({ key }: Extract<Expression, { kind: 'member' }>): string | undefined {
  const value = key.kind === 'literal' ? key.value : undefined;
  return typeof value === 'string' || typeof value === 'bigint' ? String(value) : undefined;
}

/** Returns `secrets.db.user` for names and their members. Other expressions, whose text may be a value, have no path. */
export function pathOf(node: Expression): string | undefined {
  if (node.kind === 'name') return node.name;
  if (node.kind !== 'member') return undefined;
  const [before, key] = [pathOf(node.object), keyOf(node)];
  return before === undefined || key === undefined ? undefined : `${before}.${key}`;
}
