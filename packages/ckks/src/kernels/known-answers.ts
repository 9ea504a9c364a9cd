// Digests of the self-test’s results as the BigInt reference computes them: written by
// CIPHERFORMER_WRITE_KNOWN_ANSWERS=1 npx vitest run packages/ckks/test/kernels/known-answers.test.ts
export const knownAnswers: Readonly<Record<string, string>> = {
  'ntt.forward': '17542b2e9f32ed35',
  'ntt.inverse': '2ebf7a4550ec446e',
  'pointwise.add': '141ee4e6fd64784c',
  'pointwise.subtract': '2eb6a9e6a8090d42',
  'pointwise.negate': '84f98949bfbb9ebf',
  'pointwise.multiply': '2bab60d9e1b71e89',
  'scalar.multiply': 'b8810f07d9891348',
  'scalar.add': 'f06b99a19e7fb8a1',
  'automorphism.rotation': '215927559a2dd066',
  'automorphism.conjugation': '8b30a7f371cc4017',
  tensor: '4c13d39b32363a77',
  rescale: '956a36519c2fd415',
  modDown: '86fd068decdc1ed7',
  modUp: '025c6a280d8546bb',
  raise: 'a3675ee267403ea7',
  keySwitch: '0cfd7803dfb837bf',
  keystream: 'f7d812ebb15e4203',
  'sample.uniform': '003260531a9ebe45',
  encode: '1c9130aee2393ab1',
};
