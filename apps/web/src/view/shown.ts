import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** Brings an element into the window when `there` becomes true: on a narrow screen it may be below the fold. */
export function useShown<T extends HTMLElement>(there: boolean): RefObject<T | null> {
  const element = useRef<T>(null);
  useEffect(() => {
    if (there) element.current?.scrollIntoView({ block: 'nearest' });
  }, [there]);
  return element;
}
