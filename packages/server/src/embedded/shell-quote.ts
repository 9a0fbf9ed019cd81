/** A text as one word of a POSIX shell, which reads every character of it literally. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
