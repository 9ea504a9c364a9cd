import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, serve } from '../serve.ts';

// A service in a process of its own, to be measured. Its argument is JSON of ServeOptions; it writes its address.

const options = JSON.parse(process.argv[2]!) as Omit<ServeOptions, 'spawnWorker'>;
const worker = fileURLToPath(new URL('./engine-process.js', import.meta.url));
const service = await serve({ ...options, spawnWorker: () => fork(worker) });
process.stdout.write(`${service.url}\n`);
process.on('SIGTERM', () => void service.close().then(() => process.exit()));
