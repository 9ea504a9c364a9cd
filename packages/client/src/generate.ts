import { Random } from '@cipherformer/base';
import { wireBytes } from '@cipherformer/ckks';
import {
  type DrawOptions,
  drawToken,
  noToken,
  prepareInput,
  prepareNextToken,
  type Tokenizer,
  tokenizerFor,
} from '@cipherformer/model';
import {
  type ClientProgram,
  decryptOutputs,
  encryptInputs,
  FileError,
  PromptError,
  type RequestDescription,
  ResultError,
  requireUsableKey,
} from '@cipherformer/runtime/client';
import type { Owner } from './session.ts';

/** How tokens are drawn, and how many. */
export interface GenerateOptions extends Partial<DrawOptions> {
  /** Tokens that follow the prompt: so many are asked for, whatever they are. Default 32. */
  readonly tokens?: number;
  /** Of what is drawn at temperatures above 0. Default 1. */
  readonly seed?: number;
  /** Ends it early; nothing else does. */
  readonly signal?: AbortSignal;
}

/** A token that the model went on with. */
export interface GeneratedToken {
  readonly id: number;
  /** What it adds to the text; empty where a character is not complete yet. */
  readonly text: string;
}

/** How a generation ended, once all tokens were asked for. */
export interface GenerationEnd {
  /** length: all tokens that were asked for; end: the model ended its text; out-of-range: a value left the range it is made for. */
  readonly reason: 'length' | 'end' | 'out-of-range';
  /** Of what follows the prompt. */
  readonly ids: readonly number[];
  readonly text: string;
}

/** Sends a request and gives the result. */
export type Exchange = (request: Uint8Array<ArrayBuffer>) => Promise<AsyncIterable<Uint8Array>>;

/** Tokens by which models say that a text ends, or that another one begins. */
const ends = ['</s>', '<|endoftext|>', '<eos>', '<|end_of_text|>', '<s>'];

/**
 * From an answer to the next request, in milliseconds: above what decrypting, counting, drawing and encrypting take, so that the
 * time does not tell which of them were done. A step at full security takes some 20 seconds of CPU.
 */
export const answerMs = 200;

/** Why no answer is read any more. */
type Ended = { readonly reason: 'end' | 'out-of-range' } | { readonly error: unknown };

/**
 * Has a model go on with a prompt, token by token: each is decrypted, drawn, embedded, encrypted and sent. As many steps are asked
 * for as were announced, at the same pace, whatever is decrypted: after the end of the text, a value out of range, or an error that
 * follows from what was decrypted, padding is sent, and no answer is read any more. So whoever answers learns the length of the
 * prompt and the number of tokens, and not where a text ended, which would tell of the key (docs/threat-model.md). Take each token
 * at once: time that passes before the next one is asked for shows.
 * @param exchange takes a request to whoever runs the program
 * @throws PromptError, KeyUseError before anything is sent; ResultError for a result that is refused before it is decrypted; errors
 * of the exchange; the signal's reason. All other errors when all steps were asked for
 */
export async function* generateTokens(
  program: ClientProgram,
  owner: Owner,
  prompt: string | readonly number[],
  exchange: Exchange,
  options: GenerateOptions = {},
): AsyncGenerator<GeneratedToken, GenerationEnd> {
  const { manifest, preparation } = program;
  const { secret } = owner;
  const { tokens: count = 32, temperature = 0, topK, seed = 1, signal } = options;
  const tokenizer = typeof prompt === 'string' ? tokenizerFor(preparation) : undefined;
  const given = typeof prompt === 'string' ? tokenizer!.encodeInput(prompt).ids : prompt;
  checkLength(program, given.length, count);
  // A person who is asked between two steps would hold up the next one.
  await requireUsableKey(owner);
  const shown = new Shown(tokenizer, given);
  const random = Random.derive(seed, 'generate');
  const drawing = { temperature, ...(topK === undefined ? {} : { topK }) };
  const stops = new Set(ends.map((mark) => tokenizer?.id(mark)));
  let ended: Ended | undefined;
  const read = async (request: RequestDescription, result: AsyncIterable<Uint8Array>) => {
    const logits = await decrypted(program, owner, request, result);
    const id = logits && drawToken(logits, drawing, random);
    if (id !== undefined && !stops.has(id)) return shown.add(id);
    ended = { reason: id === undefined ? 'out-of-range' : 'end' };
    return undefined;
  };
  const follow = async (prompt: string, position: number) => {
    const sent = { kind: 'next', prompt, position } as const;
    try {
      if (!ended)
        return await encryptInputs(secret, manifest, [prepareNextToken(preparation, [...given, ...shown.ids])], sent);
    } catch (error) {
      ended = { error };
    }
    return encryptInputs(secret, manifest, [noToken(preparation)], sent);
  };

  let file = await encryptInputs(secret, manifest, [prepareInput(preparation, { ids: given })], {
    kind: 'prompt',
    count: given.length,
  });
  let promptHash: string | undefined;
  for (let k = 0; k < count; k++) {
    signal?.throwIfAborted();
    const bytes = await wireBytes(file);
    promptHash ??= file.request.hash;
    const result = await exchange(bytes);
    const answered = performance.now();
    let token: GeneratedToken | undefined;
    try {
      if (!ended) token = await read(file.request, result);
    } catch (error) {
      // Refused by what everybody can see, so that it ends the generation tells nothing.
      if (error instanceof ResultError) throw error;
      ended = { error };
    }
    if (token) yield token;
    if (k + 1 === count) break;
    file = await follow(promptHash, given.length + k);
    await new Promise((resolve) => setTimeout(resolve, answered + answerMs - performance.now()));
  }
  if (ended && 'error' in ended) throw ended.error;
  return { reason: ended?.reason ?? 'length', ids: shown.ids, text: shown.text };
}

/** The logits of one answer; undefined where a value was out of range. */
async function decrypted(
  { manifest }: ClientProgram,
  { secret, ledger }: Owner,
  request: RequestDescription,
  result: AsyncIterable<Uint8Array>,
): Promise<Float64Array | undefined> {
  const verdicts = { ledger, pairedByProgram: true };
  const [answer] = await decryptOutputs(secret, manifest, request, result, 'the result', verdicts);
  return answer!.inRange ? answer!.reveal().logits : undefined;
}

/** @throws PromptError for a prompt without a token, or one that leaves too few; FileError for another program */
function checkLength({ manifest }: ClientProgram, prompt: number, count: number): void {
  if (!manifest.generation)
    throw new FileError('this program does not go on token by token: compile it for generation');
  const { tokens } = manifest.generation;
  if (prompt === 0) throw new PromptError('the prompt has no token: give at least one word');
  if (!Number.isInteger(count) || count < 1)
    throw new PromptError(`${count} tokens are asked for: give a whole number from 1 on`);
  // The last one that follows need not be sent.
  if (prompt + count - 1 > tokens)
    throw new PromptError(
      `a prompt of ${prompt} tokens and ${count} that follow are more than the ${tokens} that this program keeps: shorten the prompt, or ask for at most ${Math.max(0, tokens - prompt + 1)}`,
    );
}

/** What was generated, as text. */
class Shown {
  readonly ids: number[] = [];
  text = '';
  readonly #tokenizer: Tokenizer | undefined;
  readonly #prompt: readonly number[];
  readonly #before: string;

  constructor(tokenizer: Tokenizer | undefined, prompt: readonly number[]) {
    this.#tokenizer = tokenizer;
    this.#prompt = prompt;
    this.#before = tokenizer?.decode(prompt) ?? '';
  }

  add(id: number): GeneratedToken {
    this.ids.push(id);
    const whole = this.#tokenizer?.decode([...this.#prompt, ...this.ids]).slice(this.#before.length) ?? '';
    // Bytes of a character that more tokens complete.
    const complete = whole.replace(/\uFFFD+$/u, '');
    const added = complete.slice(this.text.length);
    this.text = complete;
    return { id, text: added };
  }
}
