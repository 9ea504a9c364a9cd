/** What a worker process needs: its main function, and the interface of the work. */
export type { Engine, EngineProgress, JobFiles, KeysetFiles, UnverifiedKeyset, Verdict } from './worker/engine.ts';
export { runWorker } from './worker/main.ts';
