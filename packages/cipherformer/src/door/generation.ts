import type { GenerateOptions } from '@cipherformer/client';
import type { WorkOptions } from './server.ts';

/** How tokens are drawn, how many, and how the work is followed and stopped. */
export interface GenerationOptions extends GenerateOptions, WorkOptions {}
