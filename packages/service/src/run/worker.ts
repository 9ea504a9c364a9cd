import { runWorker } from '../worker/main.ts';
import { ProgramEngine } from './program-engine.ts';

// The worker process of `serve`: the verb forks this file. What is below 128-bit security it refuses, like the executable.
// Argument: the bytes of memory that it may take.
runWorker(new ProgramEngine({}, Number(process.argv[2])));
