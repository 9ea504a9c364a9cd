import { useEffect, useState } from 'preact/hooks';

/** As the style sheet has it: below, there is one column. */
const query = '(max-width: 56rem)';

/** Whether the page is one column: then a person reads, and tabs, from its top to its bottom. */
export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const change = () => setNarrow(list.matches);
    list.addEventListener('change', change);
    return () => list.removeEventListener('change', change);
  }, []);
  return narrow;
}
