import { assembleUnmarked, DataError, type Tokenizer } from '@cipherformer/model';

/** One token a character (UTF-16 code unit): the sorted set of the characters of `texts`. */
export function characterTokenizer(texts: readonly string[]): Tokenizer {
  const characters = [...new Set(texts.flatMap((text) => [...new Set(text.split(''))]))].sort();
  const ids = new Map(characters.map((character, id) => [character, id]));
  const encode = (text: string) =>
    text.split('').map((character) => {
      const id = ids.get(character);
      if (id === undefined) throw new DataError(`The character ${JSON.stringify(character)} is not in the vocabulary.`);
      return id;
    });
  return {
    size: characters.length,
    encode,
    encodeInput: (text, { pair, maxTokens = Number.POSITIVE_INFINITY } = {}) =>
      assembleUnmarked(encode(text), pair === undefined ? undefined : encode(pair), maxTokens),
    decode: (numbers) => numbers.map((id) => characters[id] ?? '').join(''),
    id: (token) => ids.get(token),
  };
}
