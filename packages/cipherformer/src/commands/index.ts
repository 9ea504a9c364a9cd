import type { Command } from 'commander';

/** Adds one verb to the program. Each verb is one file in this folder. */
export type RegisterCommand = (program: Command) => void;

export const commands: readonly RegisterCommand[] = [];
