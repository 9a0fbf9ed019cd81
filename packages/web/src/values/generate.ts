const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const LENGTH = 50;

/** A random text of 50 letters and digits, some 297 bits. */
export function generateValue(): string {
  // A byte above the last whole multiple would favour the first letters.
  const limit = 256 - (256 % LETTERS.length);
  let text = '';
  while (text.length < LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(LENGTH))) {
      if (byte < limit && text.length < LENGTH) text += LETTERS[byte % LETTERS.length];
    }
  }
  return text;
}
