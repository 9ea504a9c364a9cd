/**
 * The steps between which a crash may come, in the order of what they belong to. What is acknowledged is acknowledged after
 * the last one of its kind.
 */
export const faultPoints = [
  'part-received', 'part-placed', 'part-kept',
  'commit-kept', 'verify-begun', 'verify-answered', 'verify-kept',
  'request-received', 'request-placed', 'job-kept', 'run-begun', 'run-answered', 'result-placed', 'run-kept',
  'keyset-gone', 'parts-gone', 'job-gone', 'cancel-kept',
] as const; // biome-ignore format: by what they belong to
export type FaultPoint = (typeof faultPoints)[number];

/** Those of a task: where several machines share the work, they are a worker's and not a service's. */
export const taskPoints: readonly FaultPoint[] = [
  'verify-begun', 'verify-answered', 'verify-kept', 'run-begun', 'run-answered', 'result-placed', 'run-kept',
]; // biome-ignore format: by what they belong to

/** Called at every step: tests that end the process there, or hold it up, pass one. */
export type OnFaultPoint = (point: FaultPoint) => void | Promise<void>;
