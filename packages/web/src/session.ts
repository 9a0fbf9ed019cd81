import { useSyncExternalStore } from 'react';

/** Whether the server said that nobody is logged in any more. The page stays; a band offers the login. */
let ended = false;
/** Whether the person logged out, here or in another tab. */
let left = false;
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

/** Whether the person logged out: nothing of theirs is shown any more. */
export function useLoggedOut(): boolean {
  return useSyncExternalStore(subscribe, () => left);
}

function set(value: boolean): void {
  if (ended === value) return;
  ended = value;
  announce();
}

function announce(): void {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The channel on which the window of a new login, and the page of the account, say what happened. */
const LOGIN_CHANNEL = 'confidant-login';

// The login opens in another window, so that nothing here is lost.
if (typeof BroadcastChannel === 'function') {
  new BroadcastChannel(LOGIN_CHANNEL).addEventListener('message', ({ data }) => {
    if (data === 'logged out') {
      left = true;
      announce();
    } else sessionRestored();
  });
}
