import type { Argument, Expression } from './ast.js';
import { faultInLine, type Token } from './lexer.js';
import { readFloat, readWhole } from './numbers.js';
import { TESTS } from './predicates.js';

/** Maximum digits of a number that a template has. */
const MAX_DIGITS = 4300;
/** Maximum characters of a template that an error repeats. */
const MAX_SHOWN = 64;
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>=', 'in'];
/** What follows the name of a test without being its argument. */
const AFTER_TEST = ['and', 'else', 'if', 'in', 'is', 'not', 'or'];

/** A filter that a template uses, and the line in which its tag begins. */
export interface Use {
  name: string;
  line: number;
}

/** Parses expressions with Jinja2's precedence: `*` binds tighter than `~`, and `~` tighter than `+`. */
export class ExpressionParser {
  /** All filters in the order of the template. */
  readonly filters: Use[] = [];
  #at = 0;

  constructor(readonly tokens: readonly Token[]) {}

  protected get position(): number {
    return this.#at;
  }

  protected get current(): Token {
    return this.tokens[this.#at]!;
  }

  protected take(): Token {
    return this.tokens[this.#at++]!;
  }

  protected is(...values: readonly string[]): boolean {
    return isSign(this.current, values);
  }

  protected accept(value: string): boolean {
    const isThere = this.is(value);
    if (isThere) this.#at += 1;
    return isThere;
  }

  protected expect(value: string): void {
    if (!this.accept(value)) throw this.unexpected();
  }

  protected takeName(): string {
    if (this.current.kind !== 'name') throw this.unexpected();
    return this.take().value;
  }

  protected unexpected(): Error {
    const { kind, value } = this.current;
    if (kind === 'close') return this.fault(`something is missing before ${value}`);
    return this.fault(`${kind === 'text' ? 'a text' : value.slice(0, MAX_SHOWN)} does not belong there`);
  }

  protected fault(message: string): Error {
    return faultInLine(this.current.line, message);
  }

  /** Parses one expression, or several with commas between them, which are a tuple. */
  protected sequence(parseItem: () => Expression = this.expression): Expression {
    const first = parseItem();
    if (!this.is(',')) return first;
    const items = [first];
    while (this.accept(',') && !this.is(')', '}}', '%}', '=')) items.push(parseItem());
    return { kind: 'sequence', items };
  }

  protected readonly expression = (): Expression => {
    let value = this.disjunction();
    while (this.accept('if')) {
      const test = this.disjunction();
      const otherwise = this.accept('else') ? this.expression() : undefined;
      value = { kind: 'conditional', test, value, otherwise };
    }
    return value;
  };

  protected readonly disjunction = (): Expression => this.#binary(['or'], this.#conjunction);
  readonly #conjunction = (): Expression => this.#binary(['and'], this.#negation);
  readonly #sum = (): Expression => this.#binary(['+', '-'], this.#concatenation);
  readonly #concatenation = (): Expression => this.#binary(['~'], this.#product);
  readonly #product = (): Expression => this.#binary(['*', '/', '//', '%'], this.#power);
  readonly #power = (): Expression => this.#binary(['**'], () => this.filtered(this.#signed()));

  #binary(operators: readonly string[], parseOperand: () => Expression): Expression {
    let left = parseOperand();
    while (this.is(...operators)) {
      const operator = this.take().value;
      left = { kind: 'binary', operator, left, right: parseOperand() };
    }
    return left;
  }

  readonly #negation = (): Expression =>
    this.accept('not') ? { kind: 'unary', operator: 'not', operand: this.#negation() } : this.#comparison();

  #comparison(): Expression {
    const operand = this.#sum();
    if (!this.#isComparison()) return operand;
    const isNegated = this.accept('not');
    const name = this.take().value;
    const value = this.#sum();
    if (this.#isComparison())
      throw this.fault('chained comparisons (1 < x < 3) are not supported: write "and" between them');
    return { kind: 'test', name, operand, args: [{ value }], isNegated };
  }

  #isComparison(): boolean {
    return this.is(...COMPARISONS) || (this.is('not') && isSign(this.tokens[this.#at + 1]!, ['in']));
  }

  #signed(): Expression {
    if (!this.is('-', '+')) return this.postfixed(this.#primary());
    return { kind: 'unary', operator: this.take().value, operand: this.#signed() };
  }

  /** Parses the members, slices and calls of `before`. */
  protected postfixed(before: Expression = this.#primary()): Expression {
    let node = before;
    for (;;) {
      if (this.accept('.')) {
        if (this.current.kind !== 'name' && !/^\d+$/.test(this.current.value)) throw this.unexpected();
        const { kind, value } = this.take();
        node = { kind: 'member', object: node, key: literal(kind === 'name' ? value : BigInt(value)) };
      } else if (this.accept('[')) node = this.#subscript(node);
      else if (this.is('(')) node = { kind: 'call', callee: node, args: this.#arguments() };
      else return node;
    }
  }

  #subscript(object: Expression): Expression {
    const bounds: (Expression | undefined)[] = [];
    do bounds.push(this.is(':', ']') ? undefined : this.expression());
    while (bounds.length < 3 && this.accept(':'));
    this.expect(']');
    const [key] = bounds;
    if (bounds.length > 1) return { kind: 'slice', object, bounds };
    if (key === undefined) throw this.fault('something is missing before ]');
    return { kind: 'member', object, key };
  }

  /** Parses the filters and tests of `before`. */
  protected filtered(before: Expression): Expression {
    let node = before;
    for (;;) {
      if (this.accept('|')) node = this.filter(node);
      else if (this.accept('is')) node = this.#test(node);
      else return node;
    }
  }

  /** Parses the name of a filter and its arguments. */
  protected filter(operand: Expression): Expression {
    const { line } = this.current;
    const name = this.current.kind === 'name' ? this.take().value : undefined;
    const args = name !== undefined && this.is('(') ? this.#arguments() : [];
    if (name === undefined || this.is('(')) throw this.fault('the name of a filter is missing');
    this.filters.push({ name, line });
    return { kind: 'filter', name, operand, args };
  }

  #test(operand: Expression): Expression {
    const isNegated = this.accept('not');
    const name = this.takeName();
    if (!TESTS.has(name)) throw this.fault(`there is no test ${name.slice(0, MAX_SHOWN)}`);
    const hasArgument = ['name', 'text', 'number'].includes(this.current.kind) && !this.is(...AFTER_TEST);
    const args = this.is('(') ? this.#arguments() : [];
    if (hasArgument || this.is('[', '{')) args.push({ value: this.postfixed() });
    return { kind: 'test', name, operand, args, isNegated };
  }

  #arguments(): Argument[] {
    const args: Argument[] = [];
    this.expect('(');
    while (!this.accept(')')) {
      if (args.length > 0) this.expect(',');
      if (this.accept(')')) break;
      const spread = this.accept('**') ? '**' : this.accept('*') ? '*' : undefined;
      const isNamed = this.current.kind === 'name' && isSign(this.tokens[this.#at + 1]!, ['=']);
      if (!isNamed && spread === undefined && args.some(({ name }) => name !== undefined)) {
        throw this.fault('positional arguments must come before keyword arguments');
      }
      const name = isNamed ? this.take().value : undefined;
      if (isNamed) this.expect('=');
      args.push({ value: this.expression(), name, spread });
    }
    return args;
  }

  #primary(): Expression {
    const { kind, value } = this.current;
    if (kind === 'name') return { kind: 'name', name: this.take().value };
    if (kind === 'number') return literal(this.#number());
    if (kind === 'text') {
      let text = '';
      while (this.current.kind === 'text') text += this.take().value;
      return literal(text);
    }
    if (value === '(' && this.accept('(')) {
      if (this.accept(')')) return { kind: 'sequence', items: [] };
      const inner = this.sequence();
      this.expect(')');
      return inner;
    }
    if (this.accept('[')) return { kind: 'sequence', items: this.#items(']', this.expression) };
    if (!this.accept('{')) throw this.unexpected();
    const entry = (): [Expression, Expression] => {
      const key = this.expression();
      this.expect(':');
      return [key, this.expression()];
    };
    return { kind: 'map', entries: this.#items('}', entry) };
  }

  #items<T>(close: string, parseItem: () => T): T[] {
    const items: T[] = [];
    while (!this.accept(close)) {
      if (items.length > 0) this.expect(',');
      if (this.accept(close)) break;
      items.push(parseItem());
    }
    return items;
  }

  #number(): bigint | number {
    const { value } = this.current;
    if (value.length > MAX_DIGITS) throw this.fault('a number has too many digits');
    const number = /^0x|^[^.e]*$/i.test(value) ? readWhole(value, 0) : readFloat(value);
    if (number === undefined) throw this.unexpected();
    this.take();
    return number;
  }
}

function isSign({ kind, value }: Token, values: readonly string[]): boolean {
  return kind !== 'text' && kind !== 'data' && values.includes(value);
}

function literal(value: string | bigint | number): Expression {
  return { kind: 'literal', value };
}
