import { useSyncExternalStore } from 'react';

/** Whether the server said that nobody is logged in any more. The page stays; a band offers the login. */
let ended = false;
const listeners = new Set<() => void>();

export function sessionEnded(): void {
  set(true);
}

export function sessionRestored(): void {
  set(false);
}

export function useSessionEnded(): boolean {
  return useSyncExternalStore(subscribe, () => ended);
}

function set(value: boolean): void {
  if (ended === value) return;
  ended = value;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The name of the channel on which the window of a new login says that it is done. */
export const LOGIN_CHANNEL = 'confidant-login';

// The login opens in another window, so that nothing here is lost.
if (typeof BroadcastChannel === 'function') {
  new BroadcastChannel(LOGIN_CHANNEL).addEventListener('message', sessionRestored);
}
