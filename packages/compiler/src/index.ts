export type * from './program/instructions.ts';
