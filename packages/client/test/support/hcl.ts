/**
 * A parser for the part of Terraform's language that docs/recipes uses: blocks, attributes and expressions. It refuses
 * anything else. Values are those of JSON, and `sensitive` returns its argument.
 */
export interface Block {
  type: string;
  labels: string[];
  attributes: Map<string, Expression>;
  blocks: Block[];
}

export type Scope = Record<string, unknown>;
export type Expression = (scope: Scope) => unknown;

interface Token {
  kind: 'name' | 'number' | 'text' | 'sign' | 'line' | 'end';
  text: string;
}

const TOKEN =
  /(?<space>[ \t]+|#[^\n]*)|(?<line>\n)|(?<name>[A-Za-z_][\w-]*)|(?<number>\d+)|(?<text>"(?:[^"\\\n$]|\$\{(?:[^{}"]|"[^"]*")*\})*")|(?<sign>==|=>|>=|[={}()[\].,:])/y;

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < source.length;) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(source)?.groups;
    if (groups === undefined) throw new Error(`not understood: ${source.slice(at, at + 40)}`);
    const [kind, text] = Object.entries(groups).find(([, found]) => found !== undefined)! as [string, string];
    if (kind !== 'space') tokens.push({ kind: kind as Token['kind'], text });
  }
  return [...tokens, { kind: 'end', text: '' }];
}

const FUNCTIONS: Record<string, (argument: never) => unknown> = {
  base64encode: (text: string) => Buffer.from(text).toString('base64'),
  jsondecode: (text: string): unknown => JSON.parse(text),
  sensitive: (value: unknown) => value,
  flatten: (list: unknown[]) => list.flat(Infinity),
};

/** Parses a file. Throws if the file uses anything beyond the subset. */
export function parseHcl(source: string): Block {
  const tokens = tokensOf(source);
  let at = 0;
  const peek = (ahead = 0): Token => tokens[Math.min(at + ahead, tokens.length - 1)]!;
  const skipLines = (): void => {
    while (peek().kind === 'line') at += 1;
  };
  const isNext = (text: string): boolean => peek().kind !== 'text' && peek().text === text;
  const accept = (text: string): boolean => {
    if (!isNext(text)) return false;
    at += 1;
    return true;
  };
  const expectSign = (text: string): void => {
    if (!accept(text)) throw new Error(`expected ${text}, not ${peek().text}`);
  };
  const name = (): string => {
    if (peek().kind !== 'name') throw new Error(`expected a name, not ${peek().text}`);
    return tokens[at++]!.text;
  };
  /** Within brackets line breaks are ignored. */
  const inside = <T>(close: string, body: () => T): T => {
    skipLines();
    const result = body();
    skipLines();
    expectSign(close);
    return result;
  };

  const body = (close: string | undefined): Pick<Block, 'attributes' | 'blocks'> => {
    const attributes = new Map<string, Expression>();
    const blocks: Block[] = [];
    for (;;) {
      skipLines();
      if (close === undefined ? peek().kind === 'end' : accept(close)) return { attributes, blocks };
      const type = name();
      if (accept('=')) {
        attributes.set(type, expression());
        continue;
      }
      const labels: string[] = [];
      while (peek().kind === 'text') labels.push(JSON.parse(tokens[at++]!.text) as string);
      expectSign('{');
      blocks.push({ type, labels, ...body('}') });
    }
  };

  const expression = (): Expression => {
    const left = postfix();
    if (!accept('==')) return left;
    const right = postfix();
    return (scope) => left(scope) === right(scope);
  };

  const postfix = (): Expression => {
    let value = primary();
    for (;;) {
      const of = value;
      if (accept('.')) {
        const key = name();
        value = (scope) => member(of(scope), key);
      } else if (accept('[')) {
        const key = inside(']', expression);
        value = (scope) => member(of(scope), key(scope) as string);
      } else return value;
    }
  };

  const primary = (): Expression => {
    const token = peek();
    at += 1;
    if (token.kind === 'number') return () => Number(token.text);
    if (token.kind === 'text') return template(token.text.slice(1, -1));
    if (token.text === '{') return inside('}', () => (isNext('for') ? loop(true) : object()));
    if (token.text === '[') return inside(']', () => loop(false));
    if (token.kind !== 'name') throw new Error(`not an expression: ${token.text}`);
    if (!accept('(')) return (scope) => member(scope, token.text);
    const call = FUNCTIONS[token.text];
    if (call === undefined) throw new Error(`no function ${token.text}`);
    const argument = inside(')', expression);
    return (scope) => call(argument(scope) as never);
  };

  const object = (): Expression => {
    const pairs: [string, Expression][] = [];
    while (!isNext('}')) {
      const key = name();
      expectSign('=');
      pairs.push([key, expression()]);
      accept(',');
      skipLines();
    }
    return (scope) => Object.fromEntries(pairs.map(([key, value]) => [key, value(scope)]));
  };

  const loop = (isObject: boolean): Expression => {
    expectSign('for');
    const names = [name()];
    if (accept(',')) names.push(name());
    expectSign('in');
    const source = expression();
    expectSign(':');
    skipLines();
    const first = expression();
    const second = isObject ? (expectSign('=>'), expression()) : undefined;
    return (scope) => {
      const results = Object.entries(source(scope) as Record<string, unknown>).map(([key, value]) => {
        const own = names.length === 2 ? { [names[0]!]: key, [names[1]!]: value } : { [names[0]!]: value };
        const inner = { ...scope, ...own };
        return [first(inner), second?.(inner)] as const;
      });
      if (second === undefined) return results.map(([value]) => value);
      const keys = results.map(([key]) => key as string);
      if (new Set(keys).size < keys.length) throw new Error('Duplicate object key');
      return Object.fromEntries(results);
    };
  };

  return { type: '', labels: [], ...body(undefined) };
}

function template(text: string): Expression {
  const parts = text.split(/(\$\{.*?\})/).map((part): Expression => {
    if (!part.startsWith('${')) return () => part;
    return parseHcl(`value = ${part.slice(2, -1)}`).attributes.get('value')!;
  });
  return (scope) => parts.map((part) => String(part(scope))).join('');
}

function member(of: unknown, key: string): unknown {
  if (typeof of !== 'object' || of === null || !Object.hasOwn(of, key)) throw new Error(`there is no ${key}`);
  return (of as Record<string, unknown>)[key];
}
