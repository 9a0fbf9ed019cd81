/**
 * Decodes standard base64 strictly: alphabet, length and padding must be right.
 * Returns undefined for anything else, for an empty text, and for a text longer than `maxLength` characters.
 */
export function decodeBase64(text: string, maxLength: number): Buffer | undefined {
  if (text.length > maxLength) return undefined;
  // compat: Ruby's encode64 and `base64` without -w0 break lines, and the original skipped the breaks.
  const joined = /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, '') : text;
  if (joined.length === 0 || joined.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(joined)) return undefined;
  return Buffer.from(joined, 'base64');
}
