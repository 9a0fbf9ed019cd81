import type { ClipboardEvent } from 'react';

/**
 * A text area shows `\r\n` and `\r` as `\n` and reports them so. The text before an edit keeps what the text area cannot
 * hold: only what stands between the common beginning and end of both is new.
 *
 * @param before the text with all its line ends
 * @param shown what the text area has after the edit, which has `\n` only
 */
export function withEdit(before: string, shown: string): string {
  const was = asShown(before);
  if (was === before) return shown;
  const shorter = Math.min(was.length, shown.length);
  let start = 0;
  while (start < shorter && was[start] === shown[start]) start += 1;
  let end = 0;
  while (end < shorter - start && was[was.length - 1 - end] === shown[shown.length - 1 - end]) end += 1;
  return spliced(before, start, was.length - end, shown.slice(start, shown.length - end));
}

/** The text with another in the place of a selection, whose offsets are those of the text area. */
function spliced(text: string, start: number, end: number, insert: string): string {
  return text.slice(0, offsetOf(text, start)) + insert + text.slice(offsetOf(text, end));
}

/** A text as a text area shows it. */
export function asShown(text: string): string {
  return text.includes('\r') ? text.replaceAll('\r\n', '\n').replaceAll('\r', '\n') : text;
}

/** Where a place of the shown text is in the text itself. */
function offsetOf(text: string, shown: number): number {
  let at = 0;
  for (let passed = 0; passed < shown; passed += 1) at += text.startsWith('\r\n', at) ? 2 : 1;
  return at;
}

/** Takes a paste as it came where a text area would turn its line ends into others. */
export function pasteInto(
  event: ClipboardEvent<HTMLTextAreaElement>,
  text: string,
  onText: (text: string) => void,
): void {
  const pasted = event.clipboardData.getData('text/plain');
  if (!pasted.includes('\r')) return;
  event.preventDefault();
  const { selectionStart, selectionEnd } = event.currentTarget;
  onText(spliced(text, selectionStart, selectionEnd, pasted));
}
