import { parentPort } from 'node:worker_threads';
import type { Methods } from '../thread/protocol.ts';
import { serveCalls } from '../thread/serve-calls.ts';
import { OwnerHost } from './owner-host.ts';

// What the thread of an owner runs.
serveCalls(parentPort!, (ask) => {
  const host = new OwnerHost(ask);
  return {
    open: (argument) => host.open(argument),
    connect: (argument, context) => host.connect(argument, context),
    documents: () => host.documents(),
    own: (secret) => host.own(secret),
    openParts: (argument) => host.openParts(argument),
    nextPart: (number, context) => host.nextPart(number, context),
    closeParts: (number) => host.closeParts(number),
    writeKeys: (argument, context) => host.writeKeys(argument, context),
    encrypt: (argument) => host.encrypt(argument),
    decrypt: (argument) => host.decrypt(argument),
    ask: (argument, context) => host.ask(argument, context),
    openGeneration: (argument) => host.openGeneration(argument),
    nextToken: (number, context) => host.nextToken(number, context),
    closeGeneration: (number) => host.closeGeneration(number),
    counted: (argument) => host.counted(argument),
    exportSecret: () => host.exportSecret(),
    close: () => host.close(),
  } satisfies Methods;
});
