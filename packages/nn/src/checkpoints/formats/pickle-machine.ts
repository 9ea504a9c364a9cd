import { FormatError } from '@cipherformer/model';
import type { Fail, PickleValue } from './pickle-values.ts';

/**
 * What a file may ask for. Depth and the memo need no limit of their own: an instruction adds one level or one entry,
 * nothing here walks what was made, and who does bounds its walk.
 */
const limits = {
  /** More than a state dictionary of a hundred thousand tensors has: each takes memory, and one byte in the file. */
  values: { most: 2 ** 22, beyond: `it makes more than ${2 ** 22} values.` },
  protocol: { most: 5, beyond: 'its protocol is newer than 5.' },
  /** What a number holds exactly. */
  integerBytes: { most: 6, beyond: 'an integer is longer than 48 bits.' },
} as const;

/** The machine that a pickle is a program for: the bytes still to read, a stack with marks, and a memo. */
export class PickleMachine {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** What the pickle holds, once it says so. */
  result: PickleValue | undefined;
  /** @throws FormatError always, with the file's name */
  readonly fail: Fail;
  #position = 0;
  #values = 0;
  #stack: PickleValue[] = [];
  /** The stacks below each mark. */
  readonly #marks: PickleValue[][] = [];
  readonly #memo = new Map<number, PickleValue>();

  /** @param where names the file for messages */
  constructor(bytes: Uint8Array, where: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fail = (message) => {
      throw new FormatError(
        `${where}: ${message} Only plain PyTorch state dictionaries are read; nothing is executed.`,
      );
    };
  }

  /** Refuses what goes beyond one of the limits above. */
  within(limit: keyof typeof limits, value: number): void {
    if (value > limits[limit].most) this.fail(limits[limit].beyond);
  }

  /** The next instruction's code. */
  next(): number {
    this.within('values', ++this.#values);
    return this.view.getUint8(this.take(1));
  }

  /** Where the next `count` bytes begin; they are read then. */
  take(count: number): number {
    if (this.#position + count > this.bytes.length) this.fail('the pickle ends early.');
    this.#position += count;
    return this.#position - count;
  }

  /** The bytes left of the line that is next, its end included. */
  lineLength(): number {
    const end = this.bytes.indexOf(10, this.#position);
    return end < 0 ? this.fail('the pickle ends early.') : end + 1 - this.#position;
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  pop(): PickleValue {
    return this.#stack.length > 0 ? this.#stack.pop()! : this.fail('the stack is empty.');
  }

  /** Begins a new stack over the one so far. */
  mark(): void {
    this.#marks.push(this.#stack);
    this.#stack = [];
  }

  /** Takes everything since the last mark, and the mark. */
  popToMark(): PickleValue[] {
    const items = this.#stack;
    this.#stack = this.#marks.pop() ?? this.fail('a mark is missing.');
    return items;
  }

  /** Keeps what is on top of the stack under a number. */
  memorise(key: number): void {
    this.#memo.set(key, this.#stack.length > 0 ? this.#stack.at(-1)! : this.fail('the stack is empty.'));
  }

  /** Pushes what was kept. */
  recall(key: number): void {
    this.push(this.#memo.has(key) ? this.#memo.get(key)! : this.fail('a memo is missing.'));
  }

  /** Adds to the list on top of the stack. */
  append(items: readonly PickleValue[]): void {
    const top = this.#stack.at(-1);
    const list = Array.isArray(top) ? top : this.fail('an item is added to something that is not a list.');
    for (const item of items) list.push(item);
  }

  /** Sets keys and values, in turns, of the dictionary on top of the stack. */
  setItems(items: readonly PickleValue[]): void {
    const top = this.#stack.at(-1);
    const map = top instanceof Map ? top : this.fail('an item is set on something that is not a dictionary.');
    for (let i = 0; i + 1 < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  }
}
