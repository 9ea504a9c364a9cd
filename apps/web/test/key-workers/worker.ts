import {
  BootstrapPlan,
  bootstrapLiteral,
  Context,
  defaultBootstrapChain,
  KeyPartMaker,
  Parameters,
  randomSeed,
  SecretKey,
  sha256,
} from '@cipherformer/ckks';

/** Every `of`-th of the first `parts` parts, from the `share`-th. */
export interface Share {
  readonly share: number;
  readonly of: number;
  readonly parts: number;
}

// At 128-bit security, as a page makes them: what it takes is what is measured.
const parameters = Parameters.from(bootstrapLiteral(defaultBootstrapChain));
const secret = SecretKey.fromMaster(await Context.create(parameters), randomSeed());
const specs = new BootstrapPlan(parameters).keySpecs();

self.onmessage = async ({ data: { share, of, parts } }: MessageEvent<Share>) => {
  using maker = new KeyPartMaker(secret, specs);
  for (let i = share; i < parts; i += of) await sha256(maker.make(maker.parts[i % maker.parts.length]!));
  self.postMessage('done');
};
self.postMessage('ready');
