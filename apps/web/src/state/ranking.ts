import type { Score } from '@cipherformer/client/browser';

// What a search found: the documents with the highest scores, and where the model in clear puts them.

/** As many are shown. */
export const foundDocuments = 10;

export interface FoundDocument {
  /** Its number. */
  readonly document: number;
  readonly text: string;
  readonly score: number;
  /** In clear, from 1; absent where nothing is there to compare with. */
  readonly place?: number;
  readonly clearScore?: number;
}

/** Numbers of documents, the highest score first; of equal ones the first. */
const order = (scores: readonly Score[]): number[] =>
  scores.map((_, k) => k).sort((a, b) => scores[b]!.score - scores[a]!.score || a - b);

/** The first documents. @param beside scores in clear, of the same documents */
export function found(scores: readonly Score[], beside?: readonly Score[]): FoundDocument[] {
  const places = new Map((beside ? order(beside) : []).map((document, i) => [document, i + 1]));
  return order(scores).slice(0, foundDocuments).map((document): FoundDocument => {
    const { label: text, score } = scores[document]!;
    const place = places.get(document);
    return { document, text, score, ...(place === undefined ? {} : { place, clearScore: beside![document]!.score }) };
  }); // biome-ignore format: chains
}

/** How far the encrypted ranking is that in clear: of the first documents as many are the same, and in this order or another. */
export function agreementOf(documents: readonly FoundDocument[]): { readonly same: number; readonly inOrder: boolean } {
  const same = documents.filter(({ place = 0 }) => place >= 1 && place <= documents.length).length;
  return { same, inOrder: documents.every(({ place }, i) => place === i + 1) };
}
