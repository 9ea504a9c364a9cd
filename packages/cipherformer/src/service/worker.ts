import { runWorker } from '@cipherformer/service/worker';
import { ProgramEngine } from './engine.ts';

// The worker process of `serve`: the verb forks this file. What is below 128-bit security it refuses, like the executable.
runWorker(new ProgramEngine());
