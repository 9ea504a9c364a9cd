/** CPU and wall time. */
export interface RunTimes {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

/** CPU and wall time over all sessions of a run; `before`: those of the sessions that ended. */
export class RunClock {
  readonly #cpu = process.cpuUsage();
  readonly #start = performance.now();
  readonly #before: RunTimes;

  constructor({ cpuSeconds = 0, wallSeconds = 0 }: Partial<RunTimes> = {}) {
    this.#before = { cpuSeconds, wallSeconds };
  }

  read(): RunTimes {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      cpuSeconds: this.#before.cpuSeconds + (user + system) / 1e6,
      wallSeconds: this.#before.wallSeconds + (performance.now() - this.#start) / 1000,
    };
  }
}
