import { FormatError } from '../formatter.js';
import { keyOf, pathOf, type Argument, type Expression, type Loop, type Macro, type Statement } from './ast.js';
import { FILTERS } from './filters.js';
import { loopAt, memberOf } from './members.js';
import { Fault } from './numbers.js';
import { calculate, sliceOf } from './operators.js';
import { Scope } from './scope.js';
import { TESTS } from './predicates.js';
import * as values from './values.js';
import { isTrue, JinjaFunction, TOO_MUCH, type JinjaMap, type JinjaValue } from './values.js';

/** Maximum number of items of all lists that are made, and of 64 characters of texts. */
const MAX_MADE = 1_000_000;
/** Maximum number of macros that run inside each other. */
const MAX_CALLS = 100;
/** Filters that take what is not defined in strict templates too. */
const DEFAULTS = new Set(['default', 'd']);

/** Evaluates a template. Its methods throw `FormatError` with the line of the tag that failed. */
export class Evaluator {
  readonly #isStrict: boolean;
  #made = 0;
  #calls = 0;
  /** The line of the tag that is evaluated, or that failed. */
  #line = 1;

  constructor(isStrict: boolean) {
    this.#isStrict = isStrict;
  }

  /** Returns what the statements print. */
  render(statements: readonly Statement[], scope: Scope): string {
    const before = this.#line;
    let text = '';
    for (const statement of statements) {
      if ('line' in statement) this.#line = statement.line;
      text += this.#run(statement, scope);
      this.#attempt('the template', () => values.checkLength(text.length));
    }
    // A failure leaves the line at which it is.
    this.#line = before;
    return text;
  }

  #run(statement: Statement, scope: Scope): string {
    switch (statement.kind) {
      case 'text':
        return statement.text;
      case 'print': {
        const value = this.#evaluate(statement.value, scope);
        this.#refuseUndefined(value, statement.value);
        return this.#attempt('{{ }}', () => values.printed(value));
      }
      case 'if':
        for (const { line, test, body } of statement.branches) {
          this.#line = line;
          if (isTrue(this.#evaluate(test, scope))) return this.render(body, scope);
        }
        return this.render(statement.otherwise, scope);
      case 'for':
        return this.#loop(statement, scope);
      case 'set':
        this.#assign(statement.target, this.#evaluate(statement.value, scope), scope);
        return '';
      default:
        scope.set(statement.name, this.#macro(`the macro ${statement.name}`, statement.macro, scope));
        return '';
    }
  }

  #loop({ target, over, test, body, otherwise }: Loop, scope: Scope): string {
    const value = this.#evaluate(over, scope);
    this.#refuseUndefined(value, over);
    const scopeOf = (item: JinjaValue): Scope => {
      const inner = new Scope(scope);
      this.#assign(target, item, inner);
      return inner;
    };
    const all = this.#attempt('a loop', () => values.itemsOf(value));
    const items = test === undefined ? all : all.filter((item) => isTrue(this.#evaluate(test, scopeOf(item))));
    if (items.length === 0) return this.render(otherwise, new Scope(scope));
    let text = '';
    for (const [index, item] of items.entries()) {
      const inner = scopeOf(item);
      inner.set('loop', loopAt(index, items));
      text += this.render(body, inner);
      this.#attempt('the template', () => values.checkLength(text.length));
    }
    return text;
  }

  #assign(target: Expression, value: JinjaValue, scope: Scope): void {
    if (target.kind === 'name') return scope.set(target.name, value);
    if (target.kind === 'sequence') {
      const items = this.#attempt('an assignment', () => values.itemsOf(value));
      // The number of items may be the length of a value.
      if (items.length !== target.items.length)
        throw this.#failure('the number of names differs from the number of items');
      return target.items.forEach((part, index) => this.#assign(part, items[index], scope));
    }
    const object = target.kind === 'member' ? this.#evaluate(target.object, scope) : undefined;
    if (target.kind !== 'member' || !(object instanceof values.Namespace)) {
      throw this.#failure('only variables of a namespace can be set with a dot');
    }
    object.variables.set(keyOf(target)!, value);
  }

  #macro(name: string, { parameters, body, hasVarargs, hasKwargs }: Macro, scope: Scope): JinjaFunction {
    return new JinjaFunction(name, (args, named, caller) => {
      if (this.#calls === MAX_CALLS) throw new Fault(`exceeds ${MAX_CALLS} nested macro calls`);
      const inner = new Scope(scope, new Map([['caller', caller]]));
      const rest = new Map(named);
      for (const [index, { name: parameter, fallback }] of parameters.entries()) {
        const isGiven = index < args.length || rest.has(parameter);
        const given = index < args.length ? args[index] : rest.get(parameter);
        inner.set(parameter, isGiven || fallback === undefined ? given : this.#evaluate(fallback, inner));
        if (index >= args.length) rest.delete(parameter);
      }
      if (hasVarargs) inner.set('varargs', args.slice(parameters.length));
      else if (args.length > parameters.length) throw new Fault(`takes at most ${parameters.length} arguments`);
      if (hasKwargs) inner.set('kwargs', rest);
      else if (rest.size > 0) throw new Fault('has no parameter for one of the keyword arguments');
      this.#calls += 1;
      const text = this.render(body, inner);
      this.#calls -= 1;
      return text;
    });
  }

  /** Evaluates an expression, and counts what it makes. */
  #evaluate(node: Expression, scope: Scope): JinjaValue {
    const value = this.#valueOf(node, scope);
    if (node.kind === 'name' || node.kind === 'member') return value;
    this.#made += sizeOf(value);
    if (this.#made > MAX_MADE) throw this.#failure(`the template ${TOO_MUCH}`);
    return value;
  }

  #valueOf(node: Expression, scope: Scope): JinjaValue {
    switch (node.kind) {
      case 'literal':
        return node.value;
      case 'name':
        return scope.get(node.name);
      case 'sequence':
        return node.items.map((item) => this.#evaluate(item, scope));
      case 'map':
        return new Map(node.entries.map(([key, value]) => [this.#keyOf(key, scope), this.#evaluate(value, scope)]));
      case 'member': {
        const object = this.#used(node.object, scope, 'has no parts');
        const key = this.#evaluate(node.key, scope);
        return this.#attempt('a part', () => memberOf(object, key));
      }
      case 'slice': {
        const object = this.#used(node.object, scope, 'has no parts');
        const bounds = node.bounds.map((bound) => bound && this.#evaluate(bound, scope));
        return this.#attempt('a slice', () => sliceOf(object, bounds));
      }
      case 'call': {
        const callee = this.#used(node.callee, scope, 'cannot be called');
        const [args, named] = this.#arguments(node.args, scope);
        if (!(callee instanceof JinjaFunction)) throw this.#failure(`${values.kindOf(callee)} cannot be called`);
        const caller = node.caller && this.#macro('the call block', node.caller, scope);
        return this.#attempt(callee.name, () => callee.call(args, named, caller));
      }
      case 'filter': {
        const operand = this.#evaluate(node.operand, scope);
        if (!DEFAULTS.has(node.name)) this.#refuseUndefined(operand, node.operand);
        const [args, named] = this.#arguments(node.args, scope);
        return this.#attempt(`the filter ${node.name}`, () => FILTERS.get(node.name)!(operand, args, named));
      }
      case 'test': {
        const operand = this.#evaluate(node.operand, scope);
        const [args] = this.#arguments(node.args, scope);
        return this.#attempt(`the test ${node.name}`, () => TESTS.get(node.name)!(operand, ...args)) !== node.isNegated;
      }
      case 'unary': {
        const value = this.#evaluate(node.operand, scope);
        if (node.operator === 'not') return !isTrue(value);
        // With -0 as its left side, + and - keep the sign of a zero.
        const zero = values.isFloat(value) ? -0 : 0n;
        return this.#attempt(`the operator ${node.operator}`, () => calculate(node.operator, zero, value));
      }
      case 'binary': {
        const { operator } = node;
        const left = this.#evaluate(node.left, scope);
        if (operator === 'and' || operator === 'or') {
          return isTrue(left) === (operator === 'and') ? this.#evaluate(node.right, scope) : left;
        }
        const right = this.#evaluate(node.right, scope);
        return this.#attempt(`the operator ${operator}`, () => calculate(operator, left, right));
      }
      case 'conditional': {
        const chosen = isTrue(this.#evaluate(node.test, scope)) ? node.value : node.otherwise;
        return chosen && this.#evaluate(chosen, scope);
      }
      default:
        return this.render(node.body, new Scope(scope));
    }
  }

  #keyOf(node: Expression, scope: Scope): string {
    const key = this.#evaluate(node, scope);
    if (!values.isText(key)) throw this.#failure(`a key of a map must be a text, not ${values.kindOf(key)}`);
    return values.textOf(key);
  }

  #arguments(all: readonly Argument[], scope: Scope): [args: readonly JinjaValue[], named: JinjaMap] {
    const args: JinjaValue[] = [];
    const named = new Map<string, JinjaValue>();
    for (const { name, spread, value: node } of all) {
      const value = this.#evaluate(node, scope);
      if (name !== undefined) named.set(name, value);
      else if (spread === undefined) args.push(value);
      else if (spread === '*') args.push(...this.#attempt('*', () => values.itemsOf(value)));
      else if (values.isMap(value)) value.forEach((item, key) => named.set(key, item));
      else throw this.#failure(`** does not take ${values.kindOf(value)}`);
    }
    return [args, named];
  }

  /** compat: in Jinja2 what is not defined has no attributes and no items, and cannot be called. */
  #used(node: Expression, scope: Scope, use: string): JinjaValue {
    const value = this.#evaluate(node, scope);
    if (value !== undefined) return value;
    if (node.kind === 'name') throw this.#failure(`${node.name} is not defined`);
    const key = node.kind === 'member' ? keyOf(node) : undefined;
    if (node.kind !== 'member' || key === undefined) throw this.#failure(`an undefined value ${use}`);
    throw this.#failure(`${pathOf(node.object) ?? 'a value'} has no ${key}`);
  }

  #refuseUndefined(value: JinjaValue, node: Expression): void {
    if (!this.#isStrict || value !== undefined) return;
    throw this.#failure(`${pathOf(node) ?? 'a printed value'} is not defined`);
  }

  /** Turns a {@link Fault} into a `FormatError` with the line, and `finder` before its message. */
  #attempt<T>(finder: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof Fault ? this.#failure(`${finder} ${error.message}`) : error;
    }
  }

  #failure(message: string): FormatError {
    return new FormatError(`the template failed: line ${this.#line}: ${message}`);
  }
}

function sizeOf(value: JinjaValue): number {
  if (values.isList(value)) return value.length;
  return values.isText(value) ? Math.floor(values.textOf(value).length / 64) : 0;
}
