import { useEffect } from 'react';

/** Gives the page its title: places and names, never values. */
export function useTitle(...parts: readonly string[]): void {
  const title = [...parts, 'Confidant'].join(', ');
  useEffect(() => {
    document.title = title;
  }, [title]);
}
