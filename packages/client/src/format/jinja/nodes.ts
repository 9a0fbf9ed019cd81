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

export function isMethodCall(node: Node | undefined): node is MethodCall {
  if (!isCall(node)) return false;
  const { type, computed, property } = node.callee as Node & { computed?: boolean; property?: Node };
  return type === 'MemberExpression' && computed !== true && isName(property);
}

function isCall(node: Node | undefined): node is Call {
  return node?.type === 'CallExpression';
}

/** Of a filter, with arguments or without; undefined for what can be none. */
export function nameOf(filter: Node): string | undefined {
  const name = isCall(filter) ? filter.callee : filter;
  return isName(name) ? name.value : undefined;
}

/** `secrets.db.user`, for names and what they are asked for by name; undefined for all else, which may be a value. */
export function pathOf(node: Node | undefined): string | undefined {
  if (isName(node)) return node.value;
  if (node?.type !== 'MemberExpression') return undefined;
  const { object, property, computed } = node as Node & { object?: Node; property?: Node; computed?: boolean };
  const before = computed === true ? undefined : pathOf(object);
  return before === undefined || !isName(property) ? undefined : `${before}.${property.value}`;
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
