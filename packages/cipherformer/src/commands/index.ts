import type { SecurityOptions } from '@cipherformer/ckks';
import type { Command } from 'commander';

/** Adds one verb to the program. Each verb is one file in this folder; those that take parameters hand `security` on. */
export type RegisterCommand = (program: Command, security: SecurityOptions) => void;

/**
 * The verbs in the order of the help. Each is loaded when it is asked for: training and plots take a second to load, which
 * encrypt, run and decrypt should not pay.
 */
export const commands: Readonly<Record<string, () => Promise<RegisterCommand>>> = {
  demo: async () => (await import('./demo.ts')).registerDemo,
  train: async () => (await import('./train.ts')).registerTrain,
  convert: async () => (await import('./convert.ts')).registerConvert,
  ablate: async () => (await import('./ablate.ts')).registerAblate,
  report: async () => (await import('./report.ts')).registerReport,
  compare: async () => (await import('./compare.ts')).registerCompare,
  ranges: async () => (await import('./ranges.ts')).registerRanges,
  compile: async () => (await import('./compile.ts')).registerCompile,
  explain: async () => (await import('./explain.ts')).registerExplain,
  keygen: async () => (await import('./keygen.ts')).registerKeygen,
  encrypt: async () => (await import('./encrypt.ts')).registerEncrypt,
  run: async () => (await import('./run.ts')).registerRun,
  decrypt: async () => (await import('./decrypt.ts')).registerDecrypt,
  serve: async () => (await import('./serve.ts')).registerServe,
  token: async () => (await import('./token.ts')).registerToken,
  query: async () => (await import('./query.ts')).registerQuery,
  eval: async () => (await import('./eval.ts')).registerEval,
  inspect: async () => (await import('./inspect.ts')).registerInspect,
  approx: async () => (await import('./approx.ts')).registerApprox,
  doctor: async () => (await import('./doctor.ts')).registerDoctor,
  selftest: async () => (await import('./selftest.ts')).registerSelftest,
  bench: async () => (await import('./bench.ts')).registerBench,
};
