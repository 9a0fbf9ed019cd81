import { parse, tokenize } from '@huggingface/jinja';
import { FormatError } from '../formatter.js';
import { checkBlocks } from './blocks.js';
import { isConditional, nodesOf, type Node } from './nodes.js';
import { enginesText, faultInLine, type TemplateSource } from './source.js';

interface Token {
  type: string;
  value: string;
}

// Its own declarations have imports that this compiler does not follow.
const toTokens = tokenize as (text: string, options: object) => Token[];
const toProgram = parse as unknown as (tokens: readonly Token[]) => Node;
/** Jinja's own defaults: line breaks and blanks around blocks stay. */
const OPTIONS = { lstrip_blocks: false, trim_blocks: false };
/** Of a number that a template has. */
const MAX_DIGITS = 4300;
/** Characters of a template that are repeated. */
const MAX_SHOWN = 64;

/**
 * The parts of a template, with a mark (see `isMark`) of its line before each tag. Throws {@link FormatError} with the
 * line of the fault.
 */
export function readProgram(source: TemplateSource): Node {
  checkBlocks(source.tags);
  const { tokens, lines } = marked(tokensOf(source), source);
  try {
    const program = toProgram(tokens);
    moveMarks(program);
    return program;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof RangeError) throw error;
    throw faultAt(stumble(tokens), tokens, lines, error);
  }
}

function tokensOf(source: TemplateSource): Token[] {
  try {
    return toTokens(source.text, OPTIONS).map(exactly);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // It does not say where: each tag alone does.
    for (const { text, line } of source.tags) {
      try {
        toTokens(enginesText(text), OPTIONS).forEach(exactly);
      } catch (fault) {
        if (fault instanceof SyntaxError) throw faultInLine(line, inWords(fault));
        throw fault;
      }
    }
    throw new FormatError(`the template is at fault: ${inWords(error)}`);
  }
}

/** The engine would round a number that is too large: it becomes a name, which no other name is like. */
function exactly(token: Token): Token {
  if (token.type !== 'NumericLiteral' || token.value.includes('.') || Number.isSafeInteger(Number(token.value))) {
    return token;
  }
  if (token.value.length > MAX_DIGITS) throw new SyntaxError('a number has too many digits');
  return { type: 'Identifier', value: token.value };
}

/** A mark is a comment, which may stand before every tag; other comments go. `lines` has the line of each token. */
function marked(all: readonly Token[], { tags }: TemplateSource): { tokens: Token[]; lines: number[] } {
  const tokens: Token[] = [];
  const lines: number[] = [];
  let count = 0;
  let line = 1;
  let isOutside = true;
  for (const token of all) {
    const { type } = token;
    if (isOutside && (type === 'OpenStatement' || type === 'OpenExpression')) {
      line = tags[count]?.line ?? line;
      count += 1;
      tokens.push({ type: 'Comment', value: String(line) });
      lines.push(line);
    }
    isOutside = ['Text', 'Comment', 'CloseStatement', 'CloseExpression'].includes(type);
    if (type === 'Comment') continue;
    tokens.push(token);
    lines.push(line);
  }
  return { tokens, lines };
}

/** The mark of an `elif` is the last of what stands before it. */
function moveMarks(program: Node): void {
  for (const node of nodesOf(program)) {
    if (!isConditional(node)) continue;
    const { body, alternate } = node;
    if (alternate.length === 1 && isConditional(alternate[0])) alternate.unshift(body.pop()!);
  }
}

/** The token at which the parser, which does not say so, gives up: the last that it looks at. */
function stumble(tokens: readonly Token[]): number {
  let last = 0;
  const watched = new Proxy(tokens, {
    get(target, key, receiver): unknown {
      if (typeof key === 'string' && /^\d+$/.test(key)) last = Number(key);
      return Reflect.get(target, key, receiver);
    },
  });
  try {
    toProgram(watched);
  } catch {
    return last;
  }
  return last;
}

function faultAt(at: number, tokens: readonly Token[], lines: readonly number[], error: Error): FormatError {
  const token = tokens[at];
  const line = lines[at] ?? lines.at(-1) ?? 1;
  const isSaid = error instanceof SyntaxError && !/^(?:Unexpected|Unknown)/.test(error.message);
  if (isSaid) return faultInLine(line, inWords(error));
  if (token === undefined) return faultInLine(line, 'something is missing at the end');
  const shown = token.type === 'StringLiteral' ? 'a text' : token.value.slice(0, MAX_SHOWN);
  const isEnd = token.type === 'CloseExpression' || token.type === 'CloseStatement';
  return faultInLine(line, isEnd ? `something is missing before ${shown}` : `${shown} does not belong there`);
}

function inWords({ message }: Error): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}
