import { faultInLine, type Tag } from './source.js';

/** Tags that have an end, but for `raw`, which is read before. */
const BLOCKS: readonly string[] = ['call', 'filter', 'for', 'if', 'macro', 'set'];
const MAX_NAME = 64;

interface Block {
  name: string;
  line: number;
  hasElse: boolean;
}

/** Throws `FormatError` for a tag that is not there, and for blocks that are not closed, or not in turn. */
export function checkBlocks(tags: readonly Tag[]): void {
  const open: Block[] = [];
  for (const { text, line } of tags) {
    if (!text.startsWith('{%')) continue;
    const name = /^\{%[-+]?\s*([\p{L}_][\p{L}\p{N}_]*)/u.exec(text)?.[1]?.slice(0, MAX_NAME);
    if (name === undefined) throw faultInLine(line, 'a tag {% %} has no name');
    const inner = open.at(-1);
    if (BLOCKS.includes(name)) {
      if (name !== 'set' || !assigns(text)) open.push({ name, line, hasElse: false });
    } else if (name === 'else' || name === 'elif') {
      checkElse(name, inner, line);
    } else if (name.startsWith('end') && [...BLOCKS, 'raw'].includes(name.slice(3))) {
      if (inner === undefined) throw faultInLine(line, `{% ${name} %} has no {% ${name.slice(3)} %}`);
      if (name !== `end${inner.name}`) {
        throw faultInLine(line, `{% ${name} %} stands before the {% end${inner.name} %} of line ${inner.line}`);
      }
      open.pop();
    } else {
      throw faultInLine(line, `there is no tag ${name}; there are ${[...BLOCKS, 'raw'].sort().join(', ')}`);
    }
  }
  const left = open.at(-1);
  if (left !== undefined) throw faultInLine(left.line, `{% ${left.name} %} has no {% end${left.name} %}`);
}

function checkElse(name: 'else' | 'elif', inner: Block | undefined, line: number): void {
  const isAtHome = inner?.name === 'if' || (inner?.name === 'for' && name === 'else');
  if (!isAtHome) throw faultInLine(line, `{% ${name} %} has no {% if %}`);
  if (inner.hasElse)
    throw faultInLine(line, `{% ${name} %} stands behind the {% else %} of line ${inner.line}'s {% ${inner.name} %}`);
  inner.hasElse = name === 'else';
}

/** Whether it is `{% set x = … %}`: without a value, what follows up to `endset` is the value. */
function assigns(tag: string): boolean {
  return /^[^=|]*=/.test(tag);
}
