import { Mutex } from '@cipherformer/base';

/** Changes of an owner's rows with files are made one at a time: of several machines together, where there are several. */
export interface Turns {
  run<T>(owner: string, change: () => Promise<T>): Promise<T>;
}

/** The turns of this process. */
export class LocalTurns implements Turns {
  readonly #owners = new Map<string, { readonly mutex: Mutex; waiting: number }>();

  async run<T>(owner: string, change: () => Promise<T>): Promise<T> {
    const own = this.#owners.get(owner) ?? { mutex: new Mutex(), waiting: 0 };
    this.#owners.set(owner, own);
    own.waiting++;
    try {
      return await own.mutex.run(change);
    } finally {
      own.waiting--;
      if (own.waiting === 0) this.#owners.delete(owner);
    }
  }
}
