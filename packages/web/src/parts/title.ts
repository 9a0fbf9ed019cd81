import { useEffect } from 'react';
import { plainText } from './marks.js';

/** Gives the page its title: places and names, never values. */
export function useTitle(...parts: readonly string[]): void {
  const title = [...parts.map(plainText), 'Confidant'].join(', ');
  useEffect(() => {
    document.title = title;
  }, [title]);
}
