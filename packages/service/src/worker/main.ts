import { isCipherformerError, type OnProgress } from '@cipherformer/base';
import { stepProblems } from '@cipherformer/client/protocol';
import type { Engine, EngineProgress, Verdict } from './engine.ts';
import { type FromWorker, toWorker, type WorkerTask } from './messages.ts';

const progressIntervalMs = 100;

/** The main function of a worker process that was started with an IPC channel: serves tasks until the service ends. */
export function runWorker(engine: Engine): void {
  if (process.send === undefined)
    throw new Error('this is the worker of a service: it is started by it, with an IPC channel');
  let tasks: Promise<void> = Promise.resolve();
  const running = new Map<number, AbortController>();

  process.on('message', (received) => {
    const message = toWorker.parse(received);
    if (message.type === 'cancel') {
      running.get(message.task)?.abort();
      return;
    }
    if (message.type === 'forget') {
      tasks = tasks.then(() => engine.forget(message.keyset));
      return;
    }
    const controller = new AbortController();
    running.set(message.task, controller);
    tasks = tasks.then(async () => {
      send(await perform(engine, message, controller.signal));
      running.delete(message.task);
    });
  });
  // The service is gone, perhaps by kill -9: nobody waits for the work.
  process.on('disconnect', () => process.exit());
  // Ctrl-C and the end of a unit reach the whole group: the service decides when its worker ends.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
}

async function perform(engine: Engine, message: WorkerTask, signal: AbortSignal): Promise<FromWorker> {
  const { task } = message;
  try {
    signal.throwIfAborted();
    const progress = reporter(task);
    const verdict: Verdict =
      message.type === 'verify'
        ? await engine.verify(message.keyset, progress, signal)
        : await engine.run(message.job, progress, signal).then(() => ({ ok: true }) as const);
    return verdict.ok
      ? { type: 'done', task, loaded: [...engine.loaded] }
      : { type: 'failed', task, reason: shortened(verdict.reason), loaded: [...engine.loaded] };
  } catch (error) {
    return { type: 'failed', task, reason: shortened(reasonOf(error)), loaded: [...engine.loaded] };
  }
}

/** In words; with the problem first where it is one of a generation's step, which clients know by it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const problem = stepProblems.find((each) => isCipherformerError(error) && error.code === each);
  return problem === undefined ? error.message : `${problem}: ${error.message}`;
}

/** Sends progress: every new stage, and otherwise not more often than a person can read. */
function reporter(task: number): OnProgress<EngineProgress> {
  let stage: string | undefined;
  let sent = 0;
  return ({ what, done, total, secondsLeft }) => {
    const now = performance.now();
    if (what === stage && done < total && now - sent < progressIntervalMs) return;
    stage = what;
    sent = now;
    send({ type: 'progress', task, what, done, total, secondsLeft });
  };
}

function send(message: FromWorker): void {
  // Between the end of the service and the event 'disconnect' there is nobody to tell: an error then is none.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

function shortened(reason: string): string {
  return reason.length <= 2000 ? reason : `${reason.slice(0, 1999)}…`;
}
