// A service in a process of its own, to be killed.
import { type ChildProcess, spawn } from 'node:child_process';

export interface ServiceProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** As kill -9. */
  kill(): Promise<void>;
}

/** Runs Node on a file whose first line is the address it listens at, and waits for that line. */
export async function startListening(args: readonly string[]): Promise<ServiceProcess> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // A check that is stopped by Ctrl-C leaves nothing behind.
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (text) => resolve(String(text).trim()));
    child.once('exit', (code) => reject(new Error(`the service ended with code ${code} before it listened`)));
  });
  return {
    url,
    child,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
