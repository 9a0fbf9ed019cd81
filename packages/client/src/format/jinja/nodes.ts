/** A part of a template, as the engine's parser makes them. */
export interface Node {
  readonly type: string;
}
interface Operator {
  value: string;
}
export interface Name extends Node {
  value: string;
}
export interface Call extends Node {
  callee: Node;
  args: readonly Node[];
}
/** `object.name(…)` */
export interface MethodCall extends Call {
  callee: Node & { object: Node; property: Name };
}
/** `operand|filter`, or a block of `filter` with its body. */
export interface Filtering extends Node {
  filter: Node;
  operand?: Node;
  body?: readonly Node[];
}
export interface Binary extends Node {
  operator: Operator;
  left: Node;
  right: Node;
}
interface Unary extends Node {
  operator: Operator;
  argument: Node;
}
interface Test extends Node {
  operand: Node;
  negate: boolean;
  test: Name;
}

/** `object.property`, or `object[property]` which is computed. */
export interface Member extends Node {
  object: Node;
  property: Node;
  computed?: boolean;
}
export interface Loop extends Node {
  iterable: Node;
}
/** `lhs if …` */
interface Selection extends Node {
  lhs: Node;
}
interface Conditional extends Node {
  body: Node[];
  /** What is behind `else`, or the `elif` alone. */
  alternate: Node[];
}

/** In a program that was read here: tells the line, from 1, of the tag behind it. */
export function isMark(node: Node | undefined): node is Name {
  return node?.type === 'Comment';
}

export function isConditional(node: Node | undefined): node is Conditional {
  return node?.type === 'If';
}

export function isName(node: Node | undefined): node is Name {
  return node?.type === 'Identifier';
}

export function isFiltering(node: Node | undefined): node is Filtering {
  return node?.type === 'FilterExpression' || node?.type === 'FilterStatement';
}

export function isBinary(node: Node | undefined): node is Binary {
  return node?.type === 'BinaryExpression';
}

export function isUnary(node: Node | undefined): node is Unary {
  return node?.type === 'UnaryExpression';
}

export function isTest(node: Node | undefined): node is Test {
  return node?.type === 'TestExpression';
}

export function isLoop(node: Node | undefined): node is Loop {
  return node?.type === 'For';
}

export function isSelection(node: Node): node is Selection {
  return node.type === 'SelectExpression';
}

export function isMember(node: Node | undefined): node is Member {
  return node?.type === 'MemberExpression';
}

export function isMethodCall(node: Node | undefined): node is MethodCall {
  return isCall(node) && isMember(node.callee) && node.callee.computed !== true && isName(node.callee.property);
}

/** Of `{% call f() %}`, the call. */
export function calledBy(node: Node | undefined): Call | undefined {
  return node?.type === 'CallStatement' ? (node as Node & { call: Call }).call : undefined;
}

export function isCall(node: Node | undefined): node is Call {
  return node?.type === 'CallExpression';
}

/** Of a filter, with arguments or without; undefined for what can be none. */
export function nameOf(filter: Node): string | undefined {
  const name = isCall(filter) ? filter.callee : filter;
  return isName(name) ? name.value : undefined;
}

/**
 * `secrets.db.user`, for names and what they are asked for by name, also `secrets["db"]`; undefined for all else, which
 * may be a value.
 */
export function pathOf(node: Node | undefined): string | undefined {
  if (isName(node)) return node.value;
  if (!isMember(node)) return undefined;
  const [before, key] = [pathOf(node.object), keyOf(node)];
  return before === undefined || key === undefined ? undefined : `${before}.${key}`;
}

/** What is asked for, if the template says it: a name, a text or a place in a list. */
export function keyOf({ property, computed }: Member): string | undefined {
  const isSaid = property.type === 'StringLiteral' || property.type === 'IntegerLiteral';
  return isSaid || (computed !== true && isName(property))
    ? String((property as Node & { value: string | number }).value)
    : undefined;
}

/** All parts of a template, in the order in which they stand there, however deep they are. */
export function* nodesOf(program: Node): Generator<Node> {
  const left: unknown[] = [program];
  while (left.length > 0) {
    const part = left.pop();
    if (typeof part !== 'object' || part === null) continue;
    if ('type' in part) yield part as Node;
    const below = part instanceof Map ? [...part].flat() : Object.values(part);
    for (const next of below.toReversed()) left.push(next);
  }
}
