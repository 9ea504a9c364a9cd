import type { GenerateOptions } from '@cipherformer/client';
import type { WorkOptions } from './server.ts';

/** How tokens are drawn, how many, and how the work is followed and stopped. */
export interface GenerationOptions extends GenerateOptions, WorkOptions {}

/** What of the options can be sent to a thread. */
export const drawingOf = ({
  signal: _,
  progress: __,
  ...drawing
}: GenerationOptions): Omit<GenerateOptions, 'signal'> => drawing;
