import { FormatError } from '../formatter.js';

/** A template as the engine can read it, and where things stand in what was written. */
export interface TemplateSource {
  text: string;
  /** The numbers of the first few lines, from 1, in which a filter of this name stands. */
  linesOf(filter: string): number[];
}

/** Of lines that are told of one fault. */
const MAX_LINES = 5;

const RAW = /\{%([-+]?)\s*raw\s*(-?)%\}/y;
const END_OF_RAW = /\{%(-?|\+)\s*endraw\s*([-+]?)%\}/g;

/**
 * Takes a template apart as far as the engine does not: what stands between `raw` and `endraw` becomes a text that is
 * printed. Throws {@link FormatError} for a `raw` without its end.
 */
export function readTemplate(template: string): TemplateSource {
  const tags: { at: number; text: string }[] = [];
  let text = '';
  let done = 0;
  for (let at = nextTag(template, 0); at < template.length; at = nextTag(template, done)) {
    text += template.slice(done, at);
    RAW.lastIndex = at;
    const raw = RAW.exec(template);
    if (raw === null) {
      done = endOfTag(template, at);
      const tag = template.slice(at, done);
      text += tag.replace(/^\{%\+/, '{%').replace(/\+%\}$/, '%}');
      if (!tag.startsWith('{#')) tags.push({ at, text: tag });
      continue;
    }
    END_OF_RAW.lastIndex = RAW.lastIndex;
    const end = END_OF_RAW.exec(template);
    if (end === null) {
      throw new FormatError(
        `the template is at fault: line ${lineBreaks(template.slice(0, at)) + 1}: {% raw %} has no {% endraw %}`,
      );
    }
    let content = template.slice(RAW.lastIndex, end.index);
    if (raw[2] === '-') content = content.trimStart();
    if (end[1] === '-') content = content.trimEnd();
    text += `{{${raw[1] === '-' ? '-' : ''} ${quoted(content)} ${end[2] === '-' ? '-' : ''}}}`;
    done = END_OF_RAW.lastIndex;
  }
  return {
    text: text + template.slice(done),
    linesOf(filter) {
      const use = new RegExp(`\\|\\s*${filter}\\b|^\\{%[-+]?\\s*filter\\s+${filter}\\b`, 'g');
      const lines = new Set<number>();
      let line = 1;
      let counted = 0;
      for (const { at, text: tag } of tags) {
        for (const { index } of tag.matchAll(use)) {
          line += lineBreaks(template.slice(counted, at + index));
          counted = at + index;
          lines.add(line);
          if (lines.size === MAX_LINES) return [...lines];
        }
      }
      return [...lines];
    },
  };
}

function nextTag(template: string, from: number): number {
  const opening = /\{[{%#]/g;
  opening.lastIndex = from;
  return opening.exec(template)?.index ?? template.length;
}

/** Behind the tag that begins at `at`; what its texts hold ends it not. A tag without an end takes all the rest. */
function endOfTag(template: string, at: number): number {
  const opening = template[at + 1]!;
  const close = opening === '{' ? '}}' : `${opening}}`;
  if (opening === '#') {
    const end = template.indexOf(close, at + 2);
    return end < 0 ? template.length : end + 2;
  }
  let quote: string | undefined;
  for (let index = at + 2; index < template.length; index += 1) {
    const character = template[index]!;
    if (quote !== undefined) {
      if (character === '\\') index += 1;
      else if (character === quote) quote = undefined;
    } else if (character === '"' || character === "'") quote = character;
    else if (template.startsWith(close, index)) return index + 2;
  }
  return template.length;
}

/** A text as the engine's expressions have it. Braces and percent signs would be looked at before it is read. */
function quoted(content: string): string {
  const escaped = content.replace(/[\\']/g, '\\$&').replaceAll('{', '\\x7b').replaceAll('%', '\\x25');
  return `'${escaped}'`;
}

function lineBreaks(text: string): number {
  return text.split('\n').length - 1;
}
