import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Node, visit } from 'yaml';

/** An alias that stands for nothing, or a merge key with something that is not a map. The message quotes nothing. */
export class BadYaml extends Error {
  override readonly name = 'BadYaml';
}

/** A document whose aliases are followed one step at a time, so that no amount of them costs more than its length. */
export interface ResolvedYaml {
  /** The node that an alias stands for, or the node itself. @throws BadYaml for an alias without an anchor */
  follow(node: unknown): Node | undefined;
  /**
   * The entries of a map, as PyYAML's `safe_load` reads them: of a key that is there twice the last one counts, and what
   * is merged (`<<`) gives way to the map's own keys. Keys are the texts of scalars; others are left out.
   *
   * @throws BadYaml for a merge key with something that is not a map
   */
  entries(map: Node): Map<string, Node | undefined>;
}

/** @param document without errors, parsed with `merge: false` */
export function resolveYaml(document: Document.Parsed): ResolvedYaml {
  const anchors = new Map<string, Node>();
  const targets = new Map<Node, Node>();
  visit(document, {
    Node: (_key, node) => {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  const follow = (node: unknown): Node | undefined => {
    if (!isAlias(node)) return isNode(node) ? node : undefined;
    const target = targets.get(node);
    if (target === undefined) throw new BadYaml('an alias has no anchor before it');
    return target;
  };

  const collect = (node: Node | undefined, found: Map<string, Node | undefined>, seen: Set<Node>): void => {
    if (!isMap(node)) throw new BadYaml('<< stands for something that is not a map');
    // What is merged twice was already there, and a map that merges itself adds nothing.
    if (seen.has(node)) return;
    seen.add(node);
    for (const { key, value } of node.items) {
      if (!isMergeKey(key)) continue;
      const merged = follow(value);
      // Of several merged maps the first counts.
      for (const each of isSeq(merged) ? [...merged.items].reverse() : [merged]) collect(follow(each), found, seen);
    }
    for (const { key, value } of node.items) {
      const name = follow(key);
      if (!isMergeKey(key) && isScalar(name)) found.set(String(name.value), follow(value));
    }
  };
  return {
    follow,
    entries: (map) => {
      const found = new Map<string, Node | undefined>();
      collect(map, found, new Set());
      return found;
    },
  };
}

/** A quoted `<<` is an ordinary key. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === '<<';
}
