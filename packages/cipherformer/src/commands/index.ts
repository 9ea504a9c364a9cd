import type { SecurityOptions } from '@cipherformer/ckks';
import type { Command } from 'commander';

/** Adds one verb to the program. Each verb is one file in this folder; those that take parameters hand `security` on. */
export type RegisterCommand = (program: Command, security: SecurityOptions) => void;

type Load = () => Promise<RegisterCommand>;

/**
 * The verbs in the order of the help, by what they are for. Each is loaded when it is asked for: training and plots take a
 * second to load, which encrypt, run and decrypt should not pay.
 */
const verbs: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  'See it work:': {
    demo: async () => (await import('./demo.ts')).registerDemo,
    doctor: async () => (await import('./doctor.ts')).registerDoctor,
    selftest: async () => (await import('./selftest.ts')).registerSelftest,
  },
  'A model, from trained to polynomial:': {
    predict: async () => (await import('./predict.ts')).registerPredict,
    inspect: async () => (await import('./inspect.ts')).registerInspect,
    train: async () => (await import('./train.ts')).registerTrain,
    convert: async () => (await import('./convert.ts')).registerConvert,
    eval: async () => (await import('./eval.ts')).registerEval,
  },
  'Encrypted, on files:': {
    compile: async () => (await import('./compile.ts')).registerCompile,
    explain: async () => (await import('./explain.ts')).registerExplain,
    keygen: async () => (await import('./keygen.ts')).registerKeygen,
    encrypt: async () => (await import('./encrypt.ts')).registerEncrypt,
    run: async () => (await import('./run.ts')).registerRun,
    decrypt: async () => (await import('./decrypt.ts')).registerDecrypt,
    generate: async () => (await import('./generate.ts')).registerGenerate,
  },
  'Encrypted, as a service:': {
    serve: async () => (await import('./serve.ts')).registerServe,
    worker: async () => (await import('./worker.ts')).registerWorker,
    token: async () => (await import('./token.ts')).registerToken,
    query: async () => (await import('./query.ts')).registerQuery,
    keys: async () => (await import('./keys.ts')).registerKeys,
  },
  'Conversions, looked at:': {
    report: async () => (await import('./report.ts')).registerReport,
    compare: async () => (await import('./compare.ts')).registerCompare,
    ranges: async () => (await import('./ranges.ts')).registerRanges,
    ablate: async () => (await import('./ablate.ts')).registerAblate,
    stability: async () => (await import('./stability.ts')).registerStability,
    approx: async () => (await import('./approx.ts')).registerApprox,
    bench: async () => (await import('./bench.ts')).registerBench,
  },
};

export const commands: Readonly<Record<string, Load>> = Object.assign({}, ...Object.values(verbs));

/** The heading of each verb in the help. */
export const groups: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(verbs).flatMap(([heading, group]) => Object.keys(group).map((name) => [name, heading])),
);
