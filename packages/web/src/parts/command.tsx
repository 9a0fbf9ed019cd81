import { copyText } from '../values/clipboard.js';
import { Icon } from './icon.js';

/** A line for a shell, ready to copy. It never holds a value. */
export function Command({ words }: { words: readonly string[] }) {
  const line = words.map(shellWord).join(' ');
  return (
    <div className="shell" translate="no">
      <span>{line}</span>
      <button
        className="btn plain"
        type="button"
        aria-label="Copy command"
        onClick={() => void copyText(line, 'the command')}
      >
        <Icon name="copy" />
      </button>
    </div>
  );
}

/** A word as POSIX shells read it. */
export function shellWord(word: string): string {
  return /^[\w@%+:,./-][\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
