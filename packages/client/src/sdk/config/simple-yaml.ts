type PlainValue = string | number | boolean | null | PlainMap;
interface PlainMap {
  [key: string]: PlainValue;
}

const LINE = /^( *)([A-Za-z_][\w-]*):(?: +(.*?))? *$/;
const QUOTED = /^(?:"([^"\\]*)"|'([^']*)')(?: +#.*)?$/;
/** Words that mean themselves: no sign of YAML's in them, none that could begin a number, a comment or a key. */
const WORDS = /^((?:[A-Za-z/]|~\/)[\w./@:-]*(?: [\w./@:-]+)*)(?: +#.*)?$/;
const WHOLE = /^(0|[1-9]\d{0,14})(?: +#.*)?$/;
/** In one of YAML's versions they are not texts. */
const KEYWORDS = /^(y|n|yes|no|on|off|true|false|null|e[-\d_]+)$/i;
const MAX_LINE_LENGTH = 1000;

/**
 * Reads the YAML that configuration files mostly are: nested maps of names to single words, whole numbers, true, false
 * and quoted text without escapes. Answers undefined for all else, which is left to a real parser: loading that takes
 * longer than most commands run. What it answers is what the parser would.
 */
export function parsePlainYaml(content: string): PlainMap | undefined {
  if (!/^[\n -~]*$/.test(content)) return undefined;
  const root: PlainMap = {};
  /** The maps that are open, outermost first; of an outer one's indentation nothing is known before its first line. */
  const open: { map: PlainMap; indent: number }[] = [{ map: root, indent: 0 }];
  let awaiting: { map: PlainMap; key: string; indent: number } | undefined;
  for (const line of content.split('\n')) {
    if (/^ *(#|$)/.test(line)) continue;
    const match = line.length > MAX_LINE_LENGTH ? null : LINE.exec(line);
    if (match === null) return undefined;
    const [, spaces, key, text = ''] = match as unknown as [string, string, string, string?];
    const indent = spaces.length;
    if (awaiting !== undefined && indent > awaiting.indent) {
      const map: PlainMap = {};
      awaiting.map[awaiting.key] = map;
      open.push({ map, indent });
    }
    awaiting = undefined;
    while (open.length > 1 && open.at(-1)!.indent > indent) open.pop();
    const { map, indent: expected } = open.at(-1)!;
    if (indent !== expected || Object.hasOwn(map, key) || KEYWORDS.test(key) || key === '__proto__') return undefined;
    if (text === '' || text.startsWith('#')) {
      map[key] = null;
      awaiting = { map, key, indent };
      continue;
    }
    const value = scalar(text);
    if (value === undefined) return undefined;
    map[key] = value;
  }
  return Object.keys(root).length === 0 ? undefined : root;
}

function scalar(text: string): string | number | boolean | undefined {
  const quoted = QUOTED.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2];
  const whole = WHOLE.exec(text)?.[1];
  if (whole !== undefined) return Number(whole);
  const words = WORDS.exec(text)?.[1];
  if (words === 'true' || words === 'false') return words === 'true';
  // A colon at the end of a word would make it a key.
  return words === undefined || KEYWORDS.test(words) || /:( |$)/.test(words) ? undefined : words;
}
