import type { Feeds } from '../onnx/session.ts';
import type { LanguageSet, Split } from './splits.ts';

/** Windows of `tokens` tokens without overlap. */
export const windowCount = (set: LanguageSet, tokens: number): number =>
  set.streams.reduce((sum, stream) => sum + Math.floor(stream.length / tokens), 0);

/** A model's inputs for the examples (or windows) [start, start + batch); beyond the end the last one repeats. */
export function feedsAt(set: Split, start: number, batch: number, tokens: number): Feeds {
  if (set.kind === 'classification') return set.feeds(start, batch);
  const total = windowCount(set, tokens);
  const ids = new BigInt64Array(batch * tokens);
  for (let i = 0; i < batch; i++) {
    let window = Math.min(start + i, total - 1);
    let stream = 0;
    while (window >= Math.floor(set.streams[stream]!.length / tokens)) {
      window -= Math.floor(set.streams[stream++]!.length / tokens);
    }
    for (let t = 0; t < tokens; t++) ids[i * tokens + t] = BigInt(set.streams[stream]![window * tokens + t]!);
  }
  return { ids };
}
