import type { Command } from 'commander';
import { registerAblate } from './ablate.ts';
import { registerApprox } from './approx.ts';
import { registerBench } from './bench.ts';
import { registerCompare } from './compare.ts';
import { registerCompile } from './compile.ts';
import { registerConvert } from './convert.ts';
import { registerDecrypt } from './decrypt.ts';
import { registerDemo } from './demo.ts';
import { registerDoctor } from './doctor.ts';
import { registerEncrypt } from './encrypt.ts';
import { registerEval } from './eval.ts';
import { registerExplain } from './explain.ts';
import { registerInspect } from './inspect.ts';
import { registerKeygen } from './keygen.ts';
import { registerRanges } from './ranges.ts';
import { registerReport } from './report.ts';
import { registerRun } from './run.ts';
import { registerSelftest } from './selftest.ts';
import { registerTrain } from './train.ts';

/** Adds one verb to the program. Each verb is one file in this folder. */
export type RegisterCommand = (program: Command) => void;

export const commands: readonly RegisterCommand[] = [
  registerDemo,
  registerTrain,
  registerConvert,
  registerAblate,
  registerReport,
  registerCompare,
  registerRanges,
  registerCompile,
  registerExplain,
  registerKeygen,
  registerEncrypt,
  registerRun,
  registerDecrypt,
  registerEval,
  registerInspect,
  registerApprox,
  registerDoctor,
  registerSelftest,
  registerBench,
];
