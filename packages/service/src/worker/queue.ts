/** What a queue knows of what waits in it. */
export interface Waiting {
  readonly id: string;
  readonly owner: string;
  readonly keyset: string;
  readonly cpuSeconds: number;
}

/** Longest time that others are let pass since their keys are loaded already. */
const passingMs = 60_000;

interface Entry<T> {
  readonly task: T;
  readonly since: number;
}

/**
 * Tasks that wait. Owners take turns, each with what came first of theirs; a task whose keys are loaded comes before, since
 * loading costs seconds, as long as nobody has waited for a minute.
 */
export class Queue<T extends Waiting> {
  readonly #now: () => number;
  #entries: Entry<T>[] = [];
  /** Owners by when they last had a turn: a number that counts turns. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  /** Ids in the order in which they would come now; made when it is asked for. */
  #order: T[] | undefined;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get length(): number {
    return this.#entries.length;
  }

  get cpuSeconds(): number {
    return this.#entries.reduce((sum, { task }) => sum + task.cpuSeconds, 0);
  }

  /** In the order in which they come, but for keys that are loaded. */
  get tasks(): readonly T[] {
    this.#order ??= inTurns(this.#entries, this.#turns);
    return this.#order;
  }

  add(task: T): void {
    this.#entries.push({ task, since: this.#now() });
    this.#order = undefined;
  }

  /** To the front: it was begun. */
  putBack(task: T): void {
    this.#entries.unshift({ task, since: Number.NEGATIVE_INFINITY });
    this.#turns.delete(task.owner);
    this.#order = undefined;
  }

  remove(id: string): boolean {
    const at = this.#entries.findIndex(({ task }) => task.id === id);
    if (at < 0) return false;
    this.#entries.splice(at, 1);
    this.#order = undefined;
    return true;
  }

  /** Takes the next one out. @param loaded key sets whose keys are in memory */
  take(loaded: ReadonlySet<string>): T | undefined {
    const [first] = this.tasks;
    if (first === undefined) return undefined;
    const isPatient = this.#entries.every(({ since }) => this.#now() - since < passingMs);
    const next = (isPatient ? this.tasks.find(({ keyset }) => loaded.has(keyset)) : undefined) ?? first;
    this.remove(next.id);
    this.#turns.set(next.owner, ++this.#turn);
    // Who has nothing here need not be remembered.
    if (this.#entries.length === 0) this.#turns.clear();
    return next;
  }

  /** How many tasks come before one, and their processor time; undefined when it is not here. */
  before(id: string): { readonly place: number; readonly cpuSeconds: number } | undefined {
    const place = this.tasks.findIndex((task) => task.id === id);
    if (place < 0) return undefined;
    return { place, cpuSeconds: this.tasks.slice(0, place).reduce((sum, task) => sum + task.cpuSeconds, 0) };
  }
}

/** Round after round, one task of each owner; first whose last turn is longest ago. */
function inTurns<T extends Waiting>(entries: readonly Entry<T>[], turns: ReadonlyMap<string, number>): T[] {
  const byOwner = new Map<string, T[]>();
  for (const { task } of entries) byOwner.set(task.owner, [...(byOwner.get(task.owner) ?? []), task]);
  const owners = [...byOwner.keys()].sort((a, b) => (turns.get(a) ?? 0) - (turns.get(b) ?? 0));
  const rounds = Math.max(0, ...[...byOwner.values()].map((tasks) => tasks.length));
  return Array.from({ length: rounds }, (_, round) =>
    owners.flatMap((owner) => byOwner.get(owner)![round] ?? []),
  ).flat();
}
