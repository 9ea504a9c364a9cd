import type { Command } from 'commander';
import { registerApprox } from './approx.ts';
import { registerBench } from './bench.ts';
import { registerConvert } from './convert.ts';
import { registerDoctor } from './doctor.ts';
import { registerEval } from './eval.ts';
import { registerInspect } from './inspect.ts';
import { registerReport } from './report.ts';
import { registerSelftest } from './selftest.ts';
import { registerTrain } from './train.ts';

/** Adds one verb to the program. Each verb is one file in this folder. */
export type RegisterCommand = (program: Command) => void;

export const commands: readonly RegisterCommand[] = [
  registerTrain,
  registerConvert,
  registerReport,
  registerEval,
  registerInspect,
  registerApprox,
  registerDoctor,
  registerSelftest,
  registerBench,
];
