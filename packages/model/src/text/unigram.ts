import { ConfigError } from '../errors.ts';

/** Below the least likely entry: what an unknown character costs. */
const unknownPenalty = 10;

interface Node {
  readonly children: Map<string, Node>;
  /** The number of the entry that ends here. */
  id?: number;
}

/**
 * A vocabulary of entries with log probabilities: a word is cut so that their sum is largest (Kudo, 2018).
 * Neighbouring unknown characters become one unknown token, or their bytes with `byteFallback`.
 */
export class Unigram {
  readonly #root: Node = { children: new Map() };
  readonly #scores: readonly number[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #unknown: number | undefined;
  readonly #unknownScore: number;
  readonly #byteFallback: boolean;
  readonly #where: string;

  /** @throws ConfigError for a number of the unknown token outside of the vocabulary */
  constructor(
    vocabulary: readonly (readonly [string, number])[],
    { unknown, byteFallback }: { readonly unknown?: number | undefined; readonly byteFallback: boolean },
    where: string,
  ) {
    if (unknown !== undefined && unknown >= vocabulary.length)
      throw new ConfigError(`${where} has unk_id ${unknown} of ${vocabulary.length} entries.`);
    this.#scores = vocabulary.map(([, score]) => score);
    this.#ids = new Map(vocabulary.map(([entry], id) => [entry, id]));
    this.#unknown = unknown;
    this.#unknownScore = this.#scores.reduce((least, score) => Math.min(least, score), 0) - unknownPenalty;
    this.#byteFallback = byteFallback;
    this.#where = where;
    for (const [entry, id] of this.#ids) {
      let node = this.#root;
      for (const character of entry) {
        const next: Node = node.children.get(character) ?? { children: new Map() };
        node.children.set(character, next);
        node = next;
      }
      if (entry !== '') node.id = id;
    }
  }

  /** Token numbers of a word. Cost: its length times the longest entry's. @throws ConfigError for an unknown character without an unknown token */
  encode(word: string): number[] {
    const characters = Array.from(word);
    const count = characters.length;
    const best = new Float64Array(count + 1).fill(Number.NEGATIVE_INFINITY);
    const from = new Int32Array(count + 1);
    const ids = new Int32Array(count + 1).fill(-1);
    best[0] = 0;
    for (let start = 0; start < count; start++) {
      const offer = (end: number, score: number, id: number) => {
        if (best[start]! + score <= best[end]!) return;
        best[end] = best[start]! + score;
        from[end] = start;
        ids[end] = id;
      };
      let single = false;
      let node: Node | undefined = this.#root;
      for (let end = start; end < count; ) {
        node = node.children.get(characters[end]!);
        if (!node) break;
        end++;
        if (node.id === undefined) continue;
        offer(end, this.#scores[node.id]!, node.id);
        if (end === start + 1) single = true;
      }
      if (!single) offer(start + 1, this.#unknownScore, -1);
    }
    return this.#backtrack(characters, from, ids);
  }

  #backtrack(characters: readonly string[], from: Int32Array, ids: Int32Array): number[] {
    const result: number[][] = [];
    for (let end = characters.length; end > 0; ) {
      let start = from[end]!;
      const known = ids[end]!;
      if (known >= 0 && known !== this.#unknown) result.push([known]);
      else {
        while (start > 0 && (ids[start]! < 0 || ids[start] === this.#unknown)) start = from[start]!;
        result.push(this.#unknownTokens(characters.slice(start, end).join('')));
      }
      end = start;
    }
    return result.reverse().flat();
  }

  #unknownTokens(text: string): number[] {
    const exact = this.#ids.get(text);
    if (exact !== undefined) return [exact];
    if (this.#byteFallback) {
      const bytes = Array.from(new TextEncoder().encode(text), (byte) =>
        this.#ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
      );
      if (bytes.every((id): id is number => id !== undefined)) return bytes;
    }
    if (this.#unknown === undefined)
      throw new ConfigError(`${this.#where} lacks a character of the text, and has no unknown token (unk_id).`);
    return [this.#unknown];
  }
}
