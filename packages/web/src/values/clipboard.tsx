import { toast } from '../parts/toast.js';

/**
 * Puts a text on the clipboard that is still being read. The clipboard is asked for at once, while the press that asked
 * for it still counts. Resolves with whether it worked.
 */
export async function copyPending(text: Promise<string>): Promise<boolean> {
  try {
    const blob = text.then((value) => new Blob([value], { type: 'text/plain' }));
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': blob })]);
    return true;
  } catch {
    return false;
  }
}

/** Copies a text that is no secret. */
export async function copyText(text: string, what: string): Promise<void> {
  const done = await copyPending(Promise.resolve(text));
  toast(done ? `Copied ${what}.` : 'This browser does not let the page copy here. Select the text and press Ctrl C.');
}

/** Says that a value was copied, and offers to take it from the clipboard again. */
export function sayCopied(key: string, name: string): void {
  toast(
    <>
      Copied {key} of {name}. <span className="quiet">It stays on the clipboard until you clear it.</span>
    </>,
    { label: 'Clear clipboard', run: () => void clearClipboard() },
  );
}

async function clearClipboard(): Promise<void> {
  try {
    await navigator.clipboard.writeText('');
    toast('The clipboard is empty.');
  } catch {
    toast('The browser did not let the page clear the clipboard. Copy something else over it.');
  }
}
