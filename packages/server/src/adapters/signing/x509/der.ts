/**
 * Reads and writes the few parts of ASN.1's distinguished encoding (DER) that certificates and signing requests consist
 * of. Reading is strict (only definite lengths in their shortest form), so that no other program reads the same bytes
 * differently.
 */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  numeric: 0x12,
  printable: 0x13,
  teletex: 0x14,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmp: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of `[number]`, with elements inside (constructed) or with plain content. */
export const contextTag = (number: number, constructed: boolean): number => (constructed ? 0xa0 : 0x80) + number;

/** The bytes are not DER, or not the DER that was expected. */
export class BadDer extends Error {}

export interface Element {
  tag: number;
  content: Buffer;
  /** Tag, length and content. */
  whole: Buffer;
}

/** Reads the elements in `bytes` one after the other. All methods throw {@link BadDer}. */
export class DerReader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  get atEnd(): boolean {
    return this.#at >= this.bytes.length;
  }

  /** The next element, which must have this tag when one is given. */
  next(tag?: number): Element {
    const start = this.#at;
    const found = this.#byte();
    if (tag !== undefined && found !== tag) throw new BadDer(`expected tag ${tag}, found ${found}`);
    const length = this.#length();
    const end = this.#at + length;
    if (end > this.bytes.length) throw new BadDer('an element is longer than what holds it');
    const element = {
      tag: found,
      content: this.bytes.subarray(this.#at, end),
      whole: this.bytes.subarray(start, end),
    };
    this.#at = end;
    return element;
  }

  /** The next element if it has this tag. */
  optional(tag: number): Element | undefined {
    return !this.atEnd && this.bytes[this.#at] === tag ? this.next(tag) : undefined;
  }

  /** A reader of what is inside the next element. */
  enter(tag: number): DerReader {
    return new DerReader(this.next(tag).content);
  }

  /** Throws unless every element has been read. */
  end(): void {
    if (!this.atEnd) throw new BadDer('something follows where nothing may');
  }

  #byte(): number {
    const byte = this.bytes[this.#at++];
    if (byte === undefined) throw new BadDer('an element is cut short');
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const octets = first - 0x80;
    // Three octets allow sixteen megabytes: far above anything that is read here.
    if (octets < 1 || octets > 3) throw new BadDer('a length of a form that DER does not know');
    let length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (octets - 1)) throw new BadDer('a length that is not in its shortest form');
    return length;
  }
}

/** Whether elements of this tag hold elements, as opposed to plain content. */
const isConstructed = (tag: number): boolean => (tag & 0x20) !== 0;

/** Maximum nesting of elements; certificates nest only a few levels. */
const MAX_DEPTH = 20;

/** Throws {@link BadDer} unless `bytes` are whole elements, and so is everything inside them. Returns how many. */
export function countElements(bytes: Buffer, depth = 0): number {
  if (depth > MAX_DEPTH) throw new BadDer('elements are nested too deeply');
  const reader = new DerReader(bytes);
  let count = 0;
  for (; !reader.atEnd; count++) {
    const { tag, content } = reader.next();
    if (isConstructed(tag)) countElements(content, depth + 1);
  }
  return count;
}

/** `1.2.840.113549` from the content of an object identifier. */
export function readOid(content: Buffer): string {
  const numbers: number[] = [];
  let value = 0;
  for (const [index, byte] of content.entries()) {
    if (value === 0 && byte === 0x80) throw new BadDer('an object identifier that is not in its shortest form');
    value = value * 128 + (byte & 0x7f);
    if (value > 0xffffffff) throw new BadDer('an object identifier out of bounds');
    if (byte & 0x80) {
      if (index === content.length - 1) throw new BadDer('an object identifier is cut short');
      continue;
    }
    numbers.push(value);
    value = 0;
  }
  const first = numbers.shift();
  if (first === undefined) throw new BadDer('an empty object identifier');
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...numbers].join('.');
}

/** An element with this tag around its parts. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const octets: number[] = [];
  if (length >= 0x80) {
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  }
  return Buffer.concat([Buffer.from(length < 0x80 ? [tag, length] : [tag, 0x80 + octets.length, ...octets]), ...parts]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(TAG.sequence, ...parts);

export function oid(text: string): Buffer {
  const [top = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [top * 40 + second, ...rest].flatMap((number) => {
    const septets = [number % 128];
    for (let more = Math.floor(number / 128); more > 0; more = Math.floor(more / 128)) {
      septets.unshift((more % 128) + 0x80);
    }
    return septets;
  });
  return der(TAG.oid, Buffer.from(bytes));
}

/** A positive INTEGER from big-endian bytes, of any size. */
export function positiveInteger(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const shortest = bytes.subarray(start);
  return (shortest[0] ?? 0) < 0x80 && shortest.length > 0
    ? der(TAG.integer, shortest)
    : der(TAG.integer, Buffer.from([0]), shortest);
}

/** A BIT STRING of whole octets. */
export const bitString = (bytes: Uint8Array): Buffer => der(TAG.bitString, Buffer.from([0]), bytes);

export const utf8 = (text: string): Buffer => der(TAG.utf8, Buffer.from(text, 'utf8'));

/** A Time in whole seconds. RFC 5280 requires the short form before 2050. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replace(/\D/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? der(TAG.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : der(TAG.generalizedTime, Buffer.from(digits, 'latin1'));
}
