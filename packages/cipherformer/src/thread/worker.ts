import { parentPort } from 'node:worker_threads';
import { ProgramHost } from './program-host.ts';
import type { Methods } from './protocol.ts';
import { serveCalls } from './serve-calls.ts';

// What the thread of a program runs.
const host = new ProgramHost();
const methods = {
  compile: (argument, context) => host.compile(argument, context),
  open: (argument) => host.open(argument),
  loadKeys: (key, context) => host.loadKeys(key, context),
  loadKeyFolder: (folder, context) => host.loadKeyFolder(folder, context),
  run: (argument, context) => host.run(argument, context),
  release: (keys) => host.release(keys),
  close: () => host.close(),
} satisfies Methods;
serveCalls(parentPort!, () => methods);
