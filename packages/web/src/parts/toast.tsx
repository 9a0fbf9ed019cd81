import { type ReactNode, useEffect, useSyncExternalStore } from 'react';

interface Toast {
  text: ReactNode;
  action?: { label: string; run: () => void };
}

const PLAIN_MS = 6_000;
const WITH_ACTION_MS = 120_000;

let shown: Toast | undefined;
const listeners = new Set<() => void>();

/** Shows one line at the bottom, in the place of the one before. */
export function toast(text: ReactNode, action?: Toast['action']): void {
  show({ text, ...(action !== undefined && { action }) });
}

function show(next: Toast | undefined): void {
  shown = next;
  for (const listener of listeners) listener();
}

export function ToastLine() {
  const current = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => shown,
  );
  useEffect(() => {
    if (current === undefined) return undefined;
    const timer = setTimeout(() => show(undefined), current.action === undefined ? PLAIN_MS : WITH_ACTION_MS);
    return () => clearTimeout(timer);
  }, [current]);
  return (
    <div role="status">
      {current !== undefined && (
        <div className="toast">
          <span>{current.text}</span>
          {current.action !== undefined && (
            <button
              type="button"
              onClick={() => {
                current.action!.run();
              }}
            >
              {current.action.label}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
