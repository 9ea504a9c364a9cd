import type { Command } from 'commander';
import { registerEval } from './eval.ts';
import { registerInspect } from './inspect.ts';
import { registerTrain } from './train.ts';

/** Adds one verb to the program. Each verb is one file in this folder. */
export type RegisterCommand = (program: Command) => void;

export const commands: readonly RegisterCommand[] = [registerTrain, registerEval, registerInspect];
