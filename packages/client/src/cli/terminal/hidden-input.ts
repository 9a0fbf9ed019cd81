import type { Key } from 'node:readline';

/** Characters (UTF-16) of one answer; as many as fit, encrypted, into one row of a database. */
export const MAX_ANSWER = 256 * 1024;

/** What a key asks of whoever reads the line. */
type Wish = 'enter' | 'give-up' | 'suspend' | undefined;

/**
 * A line that a person types without seeing it, with the usual keys for going back and deleting. What is pasted between
 * the marks of a terminal ("bracketed paste") is text, line ends and control characters too; except Ctrl-C, or a
 * terminal that loses the second mark could not be left. Line ends of every kind become `\n`.
 */
export class HiddenInput {
  #before = '';
  #after = '';
  #pasted: string | undefined;
  #isTooLong = false;

  /** More than {@link MAX_ANSWER} characters came; none of them are kept. */
  get isTooLong(): boolean {
    return this.#isTooLong;
  }

  /**
   * What was typed and pasted. Several lines are given as they are, with a line end behind the last one or without. One
   * line is given without the line end that is pasted along when a whole line was copied: Enter would have been meant.
   */
  get text(): string {
    const text = this.#before + this.#after;
    return text.indexOf('\n') === text.length - 1 ? text.slice(0, -1) : text;
  }

  /** Takes one key, as `keypress` events of node:readline tell it. */
  press(typed: string | undefined, key: Key): Wish {
    if (isCtrlC(key)) return 'give-up';
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

  #plain(typed: string | undefined, { name }: Key): Wish {
    if (isLineEnd(name)) return 'enter';
    if (name === 'backspace') this.#before = withoutLast(this.#before);
    else if (name === 'delete') this.#after = withoutFirst(this.#after);
    else if (name === 'left') this.#go(withoutLast(this.#before).length);
    else if (name === 'right') this.#right();
    else if (name === 'home') this.#go(0);
    else if (name === 'end') this.#go(Infinity);
    // Other keys of control characters say nothing here.
    else if (typed !== undefined && (typed === '\t' || typed >= ' ')) this.#insert(typed);
    return undefined;
  }

  #control({ name }: Key): Wish {
    if (name === 'z') return 'suspend';
    if (name === 'd' && this.#before + this.#after === '') return 'give-up';
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
