// The worker process of a service of tests, of the built packages: the one of the executable refuses insecure rings.
import { runWorker } from '@cipherformer/service/worker';
import { ProgramEngine } from '../../../packages/service/dist/run/program-engine.js';

runWorker(new ProgramEngine({ insecure: true }));
