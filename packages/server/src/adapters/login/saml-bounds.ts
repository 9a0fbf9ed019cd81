/**
 * What a message may hold at most. The XPath engine behind the library takes time that grows with the square of
 * siblings, ids and namespaces, and runs before a signature is proven: these bounds are what keeps strangers from
 * holding the event loop. A response with a thousand groups fits, also where each group is an attribute of its own with
 * namespaces of its own.
 */
const MAX_ELEMENTS = 2300;
const MAX_CHILDREN = 1100;
const MAX_ATTRIBUTES = 8000;
const MAX_ATTRIBUTES_OF_ELEMENT = 20;
/** Different prefixes in the whole message. */
const MAX_PREFIXES = 24;
const MAX_IDS = 16;
/** Prefixes that a canonicalization is asked to carry along. */
const MAX_PREFIX_LIST = 256;

/** Elements that each cost a look at the whole message, a hash over it or a key operation, by local name. */
const MAX_OF_NAME: Readonly<Record<string, number>> = {
  Signature: 4,
  SignedInfo: 4,
  SignatureValue: 4,
  Reference: 4,
  Manifest: 0,
  Transform: 8,
  InclusiveNamespaces: 12,
  KeyInfo: 8,
  X509Certificate: 8,
  EncryptedAssertion: 1,
  EncryptedData: 1,
  EncryptedKey: 2,
  RetrievalMethod: 2,
};

/** Counts the tags of one message as they pass. */
export interface TagCounter {
  /**
   * @param tag a whole tag as it stands in the message, with its angle brackets
   * @returns what there is too much of with this tag; undefined when all is well
   */
  add(tag: string): string | undefined;
}

/** A counter for one message. The cost of a tag is linear in its length. */
export function tagCounter(): TagCounter {
  const ofName = new Map<string, number>();
  const prefixes = new Set<string>();
  /** Children seen so far, of every element that is open. */
  const children = [0];
  let [elements, attributes, ids] = [0, 0, 0];

  return {
    add(tag) {
      if (tag[1] === '/') {
        children.pop();
        return undefined;
      }
      const name = /^<(?:[^\s/>:]*:)?([^\s/>]*)/.exec(tag)![1]!;
      if (++elements > MAX_ELEMENTS) return 'elements';
      const siblings = (children.at(-1) ?? 0) + 1;
      if (siblings > MAX_CHILDREN) return 'children of one element';
      children[children.length - 1] = siblings;
      if (!tag.endsWith('/>')) children.push(0);
      const seen = (ofName.get(name) ?? 0) + 1;
      if (seen > (MAX_OF_NAME[name] ?? MAX_ELEMENTS)) return `elements named ${name.slice(0, 40)}`;
      if (Object.hasOwn(MAX_OF_NAME, name)) ofName.set(name, seen);

      let own = 0;
      for (const [, attribute = '', quoted = ''] of tag.matchAll(/([^\s=<>"'/]+)\s*=\s*("[^"]*"|'[^']*')/g)) {
        if (++own > MAX_ATTRIBUTES_OF_ELEMENT || ++attributes > MAX_ATTRIBUTES) return 'attributes';
        if (attribute === 'xmlns' || attribute.startsWith('xmlns:')) prefixes.add(attribute);
        else if (/^(?:[^:]*:)?id$/i.test(attribute)) ids++;
        if (attribute === 'PrefixList' && quoted.length > MAX_PREFIX_LIST) return 'prefixes in a list';
        // The libraries put it into an XPath expression.
        if (attribute === 'URI' && /["'&]/.test(quoted.slice(1, -1))) return 'quotes in a URI';
      }
      if (prefixes.size > MAX_PREFIXES) return 'namespace prefixes';
      return ids > MAX_IDS ? 'ids' : undefined;
    },
  };
}
