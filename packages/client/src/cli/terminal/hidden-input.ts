import type { Key } from 'node:readline';

/** Maximum length of an answer in UTF-16 characters; that much fits, encrypted, into a database row. */
export const MAX_ANSWER = 256 * 1024;

/** What the reader of the line must do after a key. */
type Action = 'submit' | 'cancel' | 'suspend' | undefined;

/**
 * Edits a line that is typed without echo, with the usual keys for moving and deleting. Text that the terminal marks as
 * pasted ("bracketed paste") is taken literally, with line ends and control characters; only Ctrl-C still cancels, for
 * terminals that lose the end mark. All kinds of line ends become `\n`.
 */
export class HiddenInput {
  #before = '';
  #after = '';
  #pasted: string | undefined;
  #isTooLong = false;

  /** Whether there were more than {@link MAX_ANSWER} characters, which are all discarded. */
  get isTooLong(): boolean {
    return this.#isTooLong;
  }

  /**
   * What was typed and pasted. Several lines keep the line end of the last one, if any. A single line loses its line
   * end, which is often copied along with it.
   */
  get text(): string {
    const text = this.#before + this.#after;
    return text.indexOf('\n') === text.length - 1 ? text.slice(0, -1) : text;
  }

  /** Handles a `keypress` event of node:readline. */
  press(typed: string | undefined, key: Key): Action {
    if (isCtrlC(key)) return 'cancel';
    if (this.#pasted !== undefined) this.#paste(key);
    else if (key.name === 'paste-start') this.#pasted = '';
    else if (key.ctrl === true) return this.#control(key);
    else if (key.meta !== true) return this.#plain(typed, key);
    return undefined;
  }

  #paste(key: Key): void {
    if (key.name === 'paste-end') {
      const pasted = this.#pasted!.replace(/\r\n?/g, '\n');
      this.#pasted = undefined;
      this.#insert(pasted);
      return;
    }
    this.#pasted += key.sequence ?? '';
    if (this.#pasted!.length <= MAX_ANSWER) return;
    this.#isTooLong = true;
    this.#pasted = '';
  }

  #plain(typed: string | undefined, { name }: Key): Action {
    if (isLineEnd(name)) return 'submit';
    if (name === 'backspace') this.#before = withoutLast(this.#before);
    else if (name === 'delete') this.#after = withoutFirst(this.#after);
    else if (name === 'left') this.#go(withoutLast(this.#before).length);
    else if (name === 'right') this.#right();
    else if (name === 'home') this.#go(0);
    else if (name === 'end') this.#go(Infinity);
    // Other control characters are ignored.
    else if (typed !== undefined && (typed === '\t' || typed >= ' ')) this.#insert(typed);
    return undefined;
  }

  #control({ name }: Key): Action {
    if (name === 'z') return 'suspend';
    if (name === 'd' && this.#before + this.#after === '') return 'cancel';
    if (name === 'd') this.#after = withoutFirst(this.#after);
    else if (name === 'h') this.#before = withoutLast(this.#before);
    else if (name === 'u') this.#before = '';
    else if (name === 'k') this.#after = '';
    else if (name === 'w') this.#before = this.#before.replace(/\S*\s*$/, '');
    else if (name === 'a') this.#go(0);
    else if (name === 'e') this.#go(Infinity);
    else if (name === 'b') this.#go(withoutLast(this.#before).length);
    else if (name === 'f') this.#right();
    return undefined;
  }

  #insert(text: string): void {
    this.#before += text;
    if (this.#before.length + this.#after.length > MAX_ANSWER) this.#isTooLong = true;
    if (this.#isTooLong) this.#before = this.#after = '';
  }

  #right(): void {
    this.#go(this.#before.length + this.#after.length - withoutFirst(this.#after).length);
  }

  #go(place: number): void {
    const all = this.#before + this.#after;
    this.#before = all.slice(0, place);
    this.#after = all.slice(this.#before.length);
  }
}

export function isCtrlC({ ctrl, name }: Key): boolean {
  return ctrl === true && name === 'c';
}

/** Whether a key of that name is Enter. */
export function isLineEnd(name: string | undefined): boolean {
  return name === 'return' || name === 'enter';
}

function withoutFirst(text: string): string {
  return text.replace(/^./su, '');
}

function withoutLast(text: string): string {
  return text.slice(0, text.length - (/[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(-2)) ? 2 : 1));
}
