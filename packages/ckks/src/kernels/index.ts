export { type KernelArgument, Kernels, type MemoryCounters, type RawBackend } from './backend.ts';
export { type BuildStatus, type LoadOptions, listBuilds, loadKernels } from './load.ts';
export { type BuildName, buildNames, Op } from './operations.ts';
export { type BuildOutcome, type BuildReport, readBuildReport } from './report.ts';
export { type SelfTestResult, selfTest } from './selftest.ts';
export { Slab } from './slab.ts';
export { type Work, workOf } from './work.ts';
