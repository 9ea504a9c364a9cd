// zod compiles its checks with new Function unless it is told not to before the first schema is made: first of all imports.
import './no-eval.ts';
import { computeClear, loadModel, storyOf } from './compute.ts';
import type { ClearNews, ClearOrder } from './messages.ts';

self.addEventListener('message', async ({ data }: MessageEvent<ClearOrder>) => {
  const { call, service, program, question } = data;
  const tell = (news: Omit<ClearNews, 'call'>) => self.postMessage({ call, ...news } satisfies ClearNews);
  try {
    const loaded = await loadModel(service, program);
    if (loaded === undefined) tell({});
    else if (question === undefined) tell({ story: storyOf(loaded) });
    else tell({ answer: await computeClear(loaded, question), story: storyOf(loaded) });
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : String(error) });
  }
});
