import type { CredentialBody, Scalar } from '@confidant/contract';
import { useCallback, useEffect, useRef, useState } from 'react';
import { forgetMatches, request } from '../api/request.js';
import { useSessionEnded } from '../session.js';

export type Pairs = Readonly<Record<string, Scalar>>;

const OPEN_SECONDS = 30;
const KEPT_SECONDS = 120;
/** However often it is kept open, one read serves no longer than this. */
const MOST_SECONDS = 600;
const HIDDEN_TAB_MS = 10_000;

export interface OpenWindow {
  /** Keys whose values are shown. */
  open: ReadonlySet<string>;
  /** Seconds until the values are forgotten; undefined while none are held. */
  secondsLeft: number | undefined;
  /** Changes when values were forgotten: what showed them is made anew, so that nothing keeps them. */
  generation: number;
  /** When they were read. */
  readAt: number | undefined;
  /** The value of a key, while the window is open. */
  valueOf(key: string): Scalar | undefined;
  /** Reads the values unless they are held, one read for all of them. Rejects with ApiError. */
  read(): Promise<Pairs>;
  reveal(key: string): Promise<void>;
  hide(key: string): void;
  hideAll(): void;
  keepOpen(): void;
}

/**
 * The values of one credential, held outside React's state and every cache for 30 seconds: one read, one line in the
 * audit log. Forgotten when the time is over, with Escape, on leaving the page, and when the tab was hidden for a while.
 *
 * @param onRevision is told the revision that the values are of
 */
export function useOpenWindow(id: string, onRevision: (revision: number) => void): OpenWindow {
  const held = useRef<Pairs | undefined>(undefined);
  const pending = useRef<Promise<Pairs> | undefined>(undefined);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [until, setUntil] = useState<number>();
  const [readAt, setReadAt] = useState<number>();
  const [, tick] = useState(0);
  const [generation, setGeneration] = useState(0);
  const ended = useSessionEnded();

  const hideAll = useCallback(() => {
    held.current = undefined;
    pending.current = undefined;
    setOpen(new Set());
    setUntil(undefined);
    setGeneration((n) => n + 1);
    forgetMatches();
  }, []);

  // Another credential, or none: what was held is dropped.
  useEffect(() => hideAll, [id, hideAll]);
  useEffect(() => {
    if (ended) hideAll();
  }, [ended, hideAll]);

  useEffect(() => {
    if (until === undefined) return undefined;
    const timer = setInterval(() => {
      if (Date.now() >= until) hideAll();
      else tick((n) => n + 1);
    }, 500);
    return () => clearInterval(timer);
  }, [until, hideAll]);

  // From the start: a read that is under way is cancelled too.
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onVisibility = (): void => {
      clearTimeout(timer);
      if (document.visibilityState === 'hidden') timer = setTimeout(hideAll, HIDDEN_TAB_MS);
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') hideAll();
    };
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility);
    document.addEventListener('keydown', onKey);
    addEventListener('pagehide', hideAll);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisibility);
      document.removeEventListener('keydown', onKey);
      removeEventListener('pagehide', hideAll);
    };
  }, [hideAll]);

  const read = useCallback(async (): Promise<Pairs> => {
    if (held.current !== undefined) return held.current;
    pending.current ??= request<CredentialBody>(`/v1/credentials/${encodeURIComponent(id)}`).then((body) => {
      onRevision(body.revision);
      return body.credential_pairs;
    });
    const asked = pending.current;
    try {
      const pairs = await asked;
      // Hidden meanwhile: what comes late is not kept.
      if (pending.current === asked) {
        held.current = pairs;
        setReadAt(Date.now());
        setUntil(Date.now() + OPEN_SECONDS * 1000);
      }
      return pairs;
    } finally {
      if (pending.current === asked) pending.current = undefined;
    }
  }, [id, onRevision]);

  return {
    open,
    secondsLeft: until === undefined ? undefined : Math.max(0, Math.ceil((until - Date.now()) / 1000)),
    readAt,
    generation,
    valueOf: (key) => (held.current !== undefined && Object.hasOwn(held.current, key) ? held.current[key] : undefined),
    read,
    reveal: async (key) => {
      await read();
      if (held.current !== undefined) setOpen((before) => new Set([...before, key]));
    },
    hide: (key) => {
      const rest = new Set([...open].filter((each) => each !== key));
      if (rest.size === 0) hideAll();
      else setOpen(rest);
    },
    hideAll,
    keepOpen: () => setUntil(Math.min(Date.now() + KEPT_SECONDS * 1000, (readAt ?? Date.now()) + MOST_SECONDS * 1000)),
  };
}
