import type { Capture, Expression, Macro, Statement } from './ast.js';
import { ExpressionParser, type Use } from './expression-parser.js';
import { faultInLine, tokensOf } from './lexer.js';

/** Tags that have an end tag. `raw` is read by the lexer. */
const BLOCKS: readonly string[] = ['call', 'filter', 'for', 'if', 'macro', 'raw', 'set'];
const MAX_NAME = 64;

interface Block {
  name: string;
  line: number;
  hasElse: boolean;
}

export interface Template {
  body: readonly Statement[];
  /** All filters in the order of the template. */
  filters: readonly Use[];
}

/** Parses a template. Throws `FormatError` with the line of the fault. */
export function parseTemplate(source: string): Template {
  return new TemplateParser(tokensOf(source)).template();
}

class TemplateParser extends ExpressionParser {
  readonly #open: Block[] = [];

  template(): Template {
    return { body: this.#body(), filters: this.filters };
  }

  /** Parses up to the tag that ends or divides the innermost block, and leaves the name of that tag. */
  #body(): Statement[] {
    const statements: Statement[] = [];
    for (;;) {
      const { kind, value, line } = this.take();
      if (kind === 'data') statements.push({ kind: 'text', text: value });
      else if (kind === 'end') {
        const left = this.#open.at(-1);
        if (left !== undefined) throw faultInLine(left.line, `{% ${left.name} %} has no {% end${left.name} %}`);
        return statements;
      } else if (value === '{{') {
        statements.push({ kind: 'print', line, value: this.sequence() });
        this.expect('}}');
      } else {
        if (this.current.kind !== 'name') throw this.fault('a {% %} tag has no name');
        if (this.#endsBody()) return statements;
        statements.push(this.#statement(this.take().value, line));
      }
    }
  }

  /** Finds whether the tag ends or divides the innermost block. Throws for one that belongs to another block. */
  #endsBody(): boolean {
    const name = this.current.value;
    const inner = this.#open.at(-1);
    if (name === 'else' || name === 'elif') {
      const isAtHome = inner?.name === 'if' || (inner?.name === 'for' && name === 'else');
      if (!isAtHome) throw this.fault(`{% ${name} %} has no {% if %}`);
      if (inner.hasElse) {
        throw this.fault(`{% ${name} %} comes after the {% else %} of the {% ${inner.name} %} in line ${inner.line}`);
      }
      inner.hasElse = name === 'else';
      return true;
    }
    if (!name.startsWith('end') || !BLOCKS.includes(name.slice(3))) return false;
    if (inner === undefined) throw this.fault(`{% ${name} %} has no {% ${name.slice(3)} %}`);
    if (name === `end${inner.name}`) return true;
    throw this.fault(
      `{% ${name} %} comes before the {% end${inner.name} %} of the {% ${inner.name} %} in line ${inner.line}`,
    );
  }

  #statement(tag: string, line: number): Statement {
    switch (tag) {
      case 'if':
        return this.#if(line);
      case 'for':
        return this.#for(line);
      case 'set':
        return this.#set(line);
      case 'macro': {
        const name = this.takeName();
        return { kind: 'macro', line, name, macro: this.#macro('macro', line, this.#parameters()) };
      }
      case 'call':
        return { kind: 'print', line, value: this.#call(line) };
      case 'filter': {
        const capture: Capture = { kind: 'capture', body: [] };
        const value = this.filtered(this.filter(capture));
        capture.body = this.#block('filter', line);
        return { kind: 'print', line, value };
      }
      default:
        throw this.fault(`there is no tag ${tag.slice(0, MAX_NAME)}; the tags are ${BLOCKS.join(', ')}`);
    }
  }

  /** Parses the rest of a block from the end of its first tag on. */
  #block(name: string, line: number): Statement[] {
    this.#begin(name, line);
    const body = this.#divided();
    this.#end();
    return body;
  }

  #begin(name: string, line: number): void {
    this.#open.push({ name, line, hasElse: false });
  }

  /** Parses the end of a tag and the body behind it. */
  #divided(): Statement[] {
    this.expect('%}');
    return this.#body();
  }

  #end(): void {
    this.#open.pop();
    this.take();
    this.expect('%}');
  }

  #if(line: number): Statement {
    const branches = [];
    this.#begin('if', line);
    do {
      const { line: begin } = this.current;
      const test = this.expression();
      branches.push({ line: begin, test, body: this.#divided() });
    } while (this.accept('elif'));
    const otherwise = this.accept('else') ? this.#divided() : [];
    this.#end();
    return { kind: 'if', branches, otherwise };
  }

  #for(line: number): Statement {
    const target = this.#target();
    this.expect('in');
    const over = this.sequence(this.disjunction);
    const test = this.accept('if') ? this.expression() : undefined;
    this.#begin('for', line);
    const body = this.#divided();
    const otherwise = this.accept('else') ? this.#divided() : [];
    this.#end();
    return { kind: 'for', line, target, over, test, body, otherwise };
  }

  #set(line: number): Statement {
    const target = this.#target();
    if (this.accept('=')) {
      const value = this.sequence();
      this.expect('%}');
      return { kind: 'set', line, target, value };
    }
    const capture: Capture = { kind: 'capture', body: [] };
    const value = this.filtered(capture);
    capture.body = this.#block('set', line);
    return { kind: 'set', line, target, value };
  }

  /** Parses what a value is assigned to: a name, `namespace.name`, or several of them. */
  readonly #target = (): Expression =>
    this.sequence(() => {
      if (this.accept('(')) {
        const inner = this.#target();
        this.expect(')');
        return inner;
      }
      const name: Expression = { kind: 'name', name: this.takeName() };
      if (!this.accept('.')) return name;
      return { kind: 'member', object: name, key: { kind: 'literal', value: this.takeName() } };
    });

  #call(line: number): Expression {
    const parameters = this.is('(') ? this.#parameters() : [];
    const call = this.postfixed();
    if (call.kind !== 'call') throw this.unexpected();
    return { ...call, caller: this.#macro('call', line, parameters) };
  }

  #parameters(): Macro['parameters'] {
    const parameters = [];
    this.expect('(');
    while (!this.accept(')')) {
      if (parameters.length > 0) this.expect(',');
      const name = this.takeName();
      parameters.push({ name, fallback: this.accept('=') ? this.expression() : undefined });
    }
    return parameters;
  }

  #macro(tag: 'call' | 'macro', line: number, parameters: Macro['parameters']): Macro {
    const start = this.position;
    const body = this.#block(tag, line);
    const within = this.tokens.slice(start, this.position);
    const names = (wanted: string): boolean => within.some(({ kind, value }) => kind === 'name' && value === wanted);
    return { parameters, body, hasVarargs: names('varargs'), hasKwargs: names('kwargs') };
  }
}
