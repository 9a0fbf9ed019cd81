import { FormatError } from '../formatter.js';

/** What stands between `{{` and `}}`, or `{%` and `%}`, with these. */
export interface Tag {
  text: string;
  /** In which it begins, from 1. */
  line: number;
  /** Where it begins in the template. */
  at: number;
}

/** A template as the engine can read it, and where things stand in what was written. */
export interface TemplateSource {
  text: string;
  /** All but comments, in order; what is between `raw` and `endraw` is one without a text. */
  tags: readonly Tag[];
  /** The numbers of the first few lines, from 1, in which a filter of this name stands. */
  linesOf(filter: string): number[];
}

/** Of lines that are told of one fault. */
const MAX_LINES = 5;

const RAW = /\{%([-+]?)\s*raw\s*(-?)%\}/y;
const END_OF_RAW = /\{%(-?|\+)\s*endraw\s*([-+]?)%\}/g;

/** A template that can not be read, because of what begins in this line. */
export function faultInLine(line: number, message: string): FormatError {
  return new FormatError(`the template is at fault: line ${line}: ${message}`);
}

/**
 * Takes a template apart as far as the engine does not: what stands between `raw` and `endraw` becomes a text that is
 * printed. Throws {@link FormatError} for a tag, a comment, a quote in a tag and a `raw` without its end.
 */
export function readTemplate(template: string): TemplateSource {
  const tags: Tag[] = [];
  let text = '';
  let done = 0;
  let line = 1;
  let counted = 0;
  for (let at = nextTag(template, 0); at < template.length; at = nextTag(template, done)) {
    text += template.slice(done, at);
    line += lineBreaks(template.slice(counted, at));
    counted = at;
    RAW.lastIndex = at;
    const raw = RAW.exec(template);
    if (raw === null) {
      done = endOfTag(template, at, line);
      const tag = template.slice(at, done);
      text += enginesText(tag);
      if (!tag.startsWith('{#')) tags.push({ at, line, text: tag });
      continue;
    }
    END_OF_RAW.lastIndex = RAW.lastIndex;
    const end = END_OF_RAW.exec(template);
    if (end === null) throw faultInLine(line, '{% raw %} has no {% endraw %}');
    let content = template.slice(RAW.lastIndex, end.index);
    if (raw[2] === '-') content = content.trimStart();
    if (end[1] === '-') content = content.trimEnd();
    text += `{{${raw[1] === '-' ? '-' : ''} ${quoted(content)} ${end[2] === '-' ? '-' : ''}}}`;
    tags.push({ at, line, text: '' });
    done = END_OF_RAW.lastIndex;
  }
  return {
    text: text + template.slice(done),
    tags,
    linesOf(filter) {
      const use = new RegExp(`\\|\\s*${filter}\\b|^\\{%[-+]?\\s*filter\\s+${filter}\\b`, 'g');
      const lines = new Set<number>();
      for (const { line: first, text: tag } of tags) {
        for (const { index } of tag.matchAll(use)) {
          lines.add(first + lineBreaks(tag.slice(0, index)));
          if (lines.size === MAX_LINES) return [...lines];
        }
      }
      return [...lines];
    },
  };
}

/** A tag without the signs that the engine does not know. */
export function enginesText(tag: string): string {
  return tag.replace(/^\{%\+/, '{%').replace(/\+%\}$/, '%}');
}

function nextTag(template: string, from: number): number {
  const opening = /\{[{%#]/g;
  opening.lastIndex = from;
  return opening.exec(template)?.index ?? template.length;
}

/** Behind the tag that begins at `at`; what its texts and maps hold ends it not. Throws {@link FormatError}. */
function endOfTag(template: string, at: number, line: number): number {
  const opening = template.slice(at, at + 2);
  const close = opening === '{{' ? '}}' : `${opening[1]}}`;
  if (opening === '{#') {
    const end = template.indexOf(close, at + 2);
    if (end < 0) throw faultInLine(line, '{# has no #}');
    return end + 2;
  }
  let quote: string | undefined;
  let braces = 0;
  for (let index = at + 2; index < template.length; index += 1) {
    const character = template[index]!;
    if (quote !== undefined) {
      if (character === '\\') index += 1;
      else if (character === quote) quote = undefined;
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '{') braces += 1;
    else if (template.startsWith(close, index) && (braces <= 0 || opening === '{%')) return index + 2;
    else if (character === '}') braces -= 1;
  }
  throw faultInLine(line, quote === undefined ? `${opening} has no ${close}` : `a quote in ${opening} is not closed`);
}

/** A text as the engine's expressions have it. Braces and percent signs would be looked at before it is read. */
function quoted(content: string): string {
  const escaped = content.replace(/[\\']/g, '\\$&').replaceAll('{', '\\x7b').replaceAll('%', '\\x25');
  return `'${escaped}'`;
}

function lineBreaks(text: string): number {
  return text.split('\n').length - 1;
}
