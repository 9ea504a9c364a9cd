import {
  type Ciphertext,
  ciphertextToWire,
  Decryptor,
  Encoder,
  encryptSymmetric,
  type SecretKey,
} from '@cipherformer/ckks';
import { InputError } from '../errors.ts';
import { distrust } from '../program/trust.ts';
import { joinExamples, ofExample, packInputs, unpackOutput } from '../program/values.ts';
import { type SentTokens, sealEnvelope } from '../protocol/envelope.ts';
import { mapOf, type ProgramManifest, stepManifest } from '../protocol/manifest.ts';
import { type RequestDescription, RequestFile } from '../protocol/request.ts';
import { readResult } from '../protocol/result.ts';
import { answerFormOf, PrivateAnswer } from './answer.ts';
import { countOutOfRange, countRefused, requireUsableKey, type VerdictOptions } from './verdicts.ts';

// The client's side: it holds the secret key and needs nothing of a program but its manifest.

/**
 * Encrypts inputs of a program: the values of an example by their names, in the order the manifest's slot maps count them.
 * Bytes: half a ciphertext each, the other half is a seed.
 * @param examples one, or for a program of a batch as many as it computes at most
 * @param tokens of a program that generates: which ones they are
 * @returns the file, and once it is written what its result is checked against
 * @throws InputError for values that do not fit
 */
export async function encryptInputs(
  secret: SecretKey,
  manifest: ProgramManifest,
  examples: readonly Readonly<Record<string, ArrayLike<number>>>[],
  tokens?: SentTokens,
): Promise<RequestFile> {
  const values = joinExamples(examples, manifest.batch);
  const { slots } = manifest;
  const inputs = partOf(manifest, tokens).inputs.map((input) => ({
    ...input,
    source: mapOf(input.source, slots, `input ${input.name}`),
  }));
  const encoder = new Encoder(secret.context);
  const objects = packInputs({ inputs }, values).map((packed, i) => {
    const { level, scale } = inputs[i]!;
    using plaintext = encoder.encode(packed, undefined, { level, scale, slots });
    return ciphertextToWire(encryptSymmetric(secret, plaintext));
  });
  const { length } = examples;
  const described = { examples: length, ...(tokens ? { tokens } : {}) };
  const header = { kind: 'inputs', program: manifest.digest, key: secret.id, ...described } as const;
  return new RequestFile(await sealEnvelope(header, objects), described);
}

/** The inputs and outputs that a request is of: of a program that generates, a prompt's or those of one more token. */
const partOf = (manifest: ProgramManifest, tokens: SentTokens | undefined): ProgramManifest =>
  tokens?.kind === 'next' ? stepManifest(manifest) : manifest;

/**
 * The answer to each example of a request, and whether it is one: every output is checked (`ProgramOutput.limit`,
 * `period`), for each example in its own slots. That finds inputs out of range, no server that computes something else.
 * @param request what the result has to answer: `RequestFile.request`, or `readRequest`
 * @param verdicts what counts refused results and examples out of range, before the caller hears of them
 * @throws ResultError for a result of another program, key or request, one that no run of the program gives, and damaged
 * data: before anything is decrypted. KeyUseError where the counts allow no more; errors of the ledger; InputError for a
 * request of more examples than the program computes.
 */
export async function decryptOutputs(
  secret: SecretKey,
  whole: ProgramManifest,
  request: RequestDescription,
  source: AsyncIterable<Uint8Array>,
  where: string,
  verdicts: VerdictOptions,
): Promise<PrivateAnswer[]> {
  const manifest = partOf(whole, request.tokens);
  const { batch } = manifest;
  if (!(request.examples >= 1 && request.examples <= batch))
    throw new InputError(`a request of ${request.examples} examples, the program computes 1 to ${batch} at once`);
  await requireUsableKey(verdicts);
  const binding = { key: secret.id, request: request.hash };
  let outputs: Ciphertext[];
  try {
    outputs = await readResult(secret.context, manifest, binding, source, where);
  } catch (error) {
    throw await countRefused(error, verdicts);
  }
  try {
    const answers = openOutputs(secret, manifest, request.examples, outputs);
    await countOutOfRange(answers.filter(({ inRange }) => !inRange).length, verdicts);
    return answers;
  } finally {
    for (const output of outputs) output[Symbol.dispose]();
  }
}

/**
 * Decrypts outputs of the program's shapes and judges the answers to the first `examples` of the batch. All are judged,
 * whatever was found before: the time tells nothing.
 */
function openOutputs(
  secret: SecretKey,
  manifest: ProgramManifest,
  examples: number,
  outputs: readonly Ciphertext[],
): PrivateAnswer[] {
  const decryptor = new Decryptor(secret);
  const { batch } = manifest;
  const found = Array.from({ length: examples }, () => ({ logits: [] as number[], reason: undefined as string | undefined })); // biome-ignore format: short
  for (const [i, written] of manifest.outputs.entries()) {
    using opened = decryptor.decrypt(outputs[i]!);
    const { real } = opened.reveal();
    const output = { ...written, slots: mapOf(written.slots, manifest.slots, `output ${i + 1}`) };
    for (const [example, answer] of found.entries()) {
      const own = ofExample(output, example, batch);
      const reason = distrust(own, real);
      answer.reason ??= reason;
      if (own.name === 'logits') answer.logits.push(...unpackOutput(own, real));
    }
  }
  const form = answerFormOf(manifest);
  return found.map(({ logits, reason }) => new PrivateAnswer({ logits: Float64Array.from(logits), reason, ...form }));
}
