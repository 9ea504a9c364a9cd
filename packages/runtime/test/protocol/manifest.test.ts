// Manifests that somebody else wrote: what they say is legal, or they are refused, with the field and what is allowed.
import { BootstrapPlan, compareSpecs, keyPlanDigest } from '@cipherformer/ckks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../../compiler/src/passes/compile.ts';
import { FileError } from '../../src/errors.ts';
import { countKeys, specsOf, tuplesOf } from '../../src/keys/key-list.ts';
import { CanonicalScales } from '../../src/program/scales.ts';
import { type ProgramManifest, parametersOf, parseManifest } from '../../src/protocol/manifest.ts';
import { fromRuns, toRuns } from '../../src/protocol/runs.ts';
import { slots } from '../backends/support.ts';
import {
  accepted,
  changed,
  type Json,
  linearManifest,
  manifestOf,
  parameters,
  places,
  productGraph,
  transformerManifest,
} from './manifest-support.ts';

const plan = new BootstrapPlan(parameters);
const single = transformerManifest();
const batched = transformerManifest(4);
const linear = linearManifest();
const all = { single, batched, linear };

type Tuples = ProgramManifest['keys']['list'];
/** Keys with their own names and sizes, where they are legal. */
function keysOf(list: Tuples): ProgramManifest['keys'] {
  const specs = specsOf(list).sort(compareSpecs);
  try {
    return { plan: keyPlanDigest(parameters, specs), list: tuplesOf(specs), ...countKeys(parameters, specs) };
  } catch {
    return { ...single.keys, list };
  }
}

const parse = (manifest: unknown, security = accepted) => parseManifest(JSON.stringify(manifest), 'm.json', security);

/** The message of the refusal. */
function refusal(manifest: unknown): string {
  try {
    parse(manifest);
  } catch (error) {
    expect(error).toBeInstanceOf(FileError);
    return (error as Error).message;
  }
  return expect.fail('it was accepted');
}

describe('a manifest', () => {
  it.each(Object.entries(all))('is read as it was written: %s', (_, manifest) => {
    expect(parse(manifest)).toEqual(manifest);
    expect(parametersOf(manifest, accepted).digest).toBe(manifest.parametersDigest);
    expect(parseManifest(new TextEncoder().encode(JSON.stringify(manifest)), 'm.json', accepted)).toEqual(manifest);
  });

  /** As releases before version 3 wrote it. */
  const version2 = ({ batch, ...rest }: ProgramManifest) => ({ ...rest, version: 2, compile: { batch } });

  it.each(Object.entries(all))('of version 2 is read as version 3: %s', (_, manifest) => {
    expect(parse(version2(manifest))).toEqual(manifest);
  });

  it('of version 2 is checked as every other, and no manifest is of two versions', () => {
    expect(refusal({ ...version2(single), compile: { batch: 4 } })).toMatch(/4 examples cannot share/);
    expect(refusal({ ...version2(single), compile: { batch: 'one' } })).toMatch(/ batch/);
    expect(refusal({ ...version2(single), compile: { batch: 1, slots: 4 } })).toMatch(/version/);
    expect(refusal({ ...version2(single), batch: 1 })).toMatch(/version/);
    expect(refusal({ ...single, compile: { batch: 1 } })).toMatch(/Unrecognized key: "compile"/);
    expect(refusal({ ...single, version: 1 })).toMatch(/version/);
  });

  it.each([
    ['no JSON', '{"format": ', /is not JSON/],
    ['null', 'null', /expected object/],
    ['a list', '[]', /expected object/],
    ['nested without end', '['.repeat(1e6) + ']'.repeat(1e6), /more than 64 deep/],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), /UTF-8/],
    ['17 MiB', new Uint8Array(17 * 2 ** 20), /16777216 at most/],
    ['another format', JSON.stringify({ ...single, format: 'zip' }), /format: /],
    ['another version', JSON.stringify({ ...single, version: 1 }), /version: /],
    ['a later version', JSON.stringify({ ...single, version: single.version + 1 }), /version: /],
    ['a field more', JSON.stringify({ ...single, more: 1 }), /Unrecognized key/],
    ['another digest of the parameters', JSON.stringify({ ...single, parametersDigest: '00'.repeat(32) }), /damaged/],
  ] as const)('row 9: %s is refused with an error of ours', (_, text, message) => {
    expect(() => parseManifest(text, 'm.json', accepted)).toThrow(FileError);
    expect(() => parseManifest(text, 'm.json', accepted)).toThrow(message);
  });
});

describe('row 10: who wrote the manifest does not choose the security', () => {
  it('parameters below 128 bits, unless the caller accepts them', () => {
    expect(() => parse(single, {} as typeof accepted)).toThrow(FileError);
    expect(() => parse(single, {} as typeof accepted)).toThrow(/below 128-bit security/);
  });

  it.each(['false', 'true', true, false, 1, null])('insecure: %j is a field nobody knows', (insecure) => {
    const inside = { ...single, parameters: { ...single.parameters, insecure } };
    for (const manifest of [{ ...single, insecure }, inside])
      for (const security of [{}, accepted])
        expect(() => parse(manifest, security as typeof accepted)).toThrow(/Unrecognized key: "insecure"/);
  });

  it.each([0, -1, 1.5, 3, slots + 1, 2 * slots, 3e6, 'four', null])('a batch of %j', (batch) => {
    expect(refusal({ ...single, batch })).toMatch(/ batch/);
  });

  it('a batch that the slot maps cannot be divided by, or are not divided by', () => {
    expect(refusal({ ...single, batch: 4 })).toMatch(/4 examples cannot share/);
    expect(refusal({ ...batched, batch: 8 })).toMatch(/8 examples cannot share/);
    expect(refusal({ ...batched, batch: 2 })).toMatch(/names 3 classes, an answer has 6 logits/);
  });

  const controls = [
    '\u001b[2J',
    'a\nb',
    '\r',
    '\u0000',
    '\u007f',
    '\u009b31m',
    'a\u202eb',
    '\u2066',
    '\u2028',
    '\ud800',
  ];
  it.each(controls)('text that a terminal would obey: %j', (text) => {
    const { model } = single;
    for (const bad of [
      { ...single, model: { ...model, name: text } },
      { ...single, model: { ...model, task: text } },
      { ...single, files: { [text]: single.digest } },
      { ...single, model: { ...model, classes: ['a', text, 'c'] } },
      { ...single, inputs: [{ ...single.inputs[0], name: text }] },
      { ...single, [text]: 1 },
      { ...single, model: { ...model, [text]: text } },
      { ...single, outputs: [{ ...single.outputs[0], name: text }] },
      { ...single, digest: text },
    ]) {
      // The message is lines of ours: nothing else that a terminal would act on.
      expect(refusal(bad).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      expect(refusal(bad).split('\n').length).toBeLessThan(8);
    }
  });

  it('a text without end, and more that is wrong than a person reads', () => {
    expect(refusal({ ...single, model: { ...single.model, name: 'x'.repeat(257) } })).toMatch(/model.name/);
    expect(refusal({ ...single, ['k'.repeat(1e5)]: 1 }).length).toBeLessThan(1000);
    const many = refusal({ ...single, inputs: [{ ...single.inputs[0], source: Array(1e5).fill('x') }] });
    expect(many).toMatch(/and 9999\d more/);
    expect(many.length).toBeLessThan(2000);
  });
});

describe('row 10: no program without its range check', () => {
  const without = (manifest: ProgramManifest) => ({ ...manifest, outputs: manifest.outputs.filter(({ name }) => name !== 'sentinel') }); // biome-ignore format: short
  const sentinel = (change: object, manifest = single) => ({
    ...manifest,
    outputs: manifest.outputs.map((output) => (output.name === 'sentinel' ? { ...output, ...change } : output)),
  });

  it('left out', () => {
    expect(refusal(without(single))).toMatch(/no sentinel/);
    // Nor where only one of the signs of a multiplication is left.
    const rest = (role: string) => keysOf(single.keys.list.filter(([name]) => name !== role));
    for (const role of ['relinearisation', 'toSparse', 'toDense'])
      expect(refusal({ ...without(single), keys: rest(role) })).toMatch(/no sentinel/);
  });

  it('only a program that multiplies nothing has none', () => {
    expect(linear.outputs.map(({ name }) => name)).toEqual(['logits']);
    expect(parse(linear)).toEqual(linear);
    expect(refusal(manifestOf(compile(productGraph(), { slots }).program))).toMatch(/no sentinel/);
  });

  it.each([0, -1, null, 'x', 1e300, 2 ** 60])('a limit of %j', (limit) => {
    expect(refusal(sentinel({ limit }))).toMatch(/limit/);
    expect(refusal(JSON.parse(JSON.stringify(sentinel({ limit: 1 })).replace('"limit":1,', '"limit":1e999,')))).toMatch(/limit/); // biome-ignore format: short
  });

  it('a sentinel that does not read every slot once, or gives slots to another example', () => {
    for (const map of [[0, 1, slots - 1], [0, 0, slots], [1, 1, slots], [0, 1, slots / 2, 0, 1, slots / 2], []])
      expect(refusal(sentinel({ slots: map }))).toMatch(/outputs\[\d\].slots/);
    expect(refusal(sentinel({ slots: [0, 1, slots] }, batched))).toMatch(/the sentinel checks another one/);
    const own = batched.outputs.find(({ name }) => name === 'sentinel')!;
    const turned = [...fromRuns(own.slots, slots)];
    turned.push(...turned.splice(0, slots / 4));
    expect(refusal(sentinel({ slots: toRuns(turned) }, batched))).toMatch(/the sentinel checks another one/);
  });

  it('a limit that no value decrypted at the level of its output can exceed', () => {
    for (const [i, { level, scale, factor }] of single.outputs.entries()) {
      const largest = (2 ** (parameters.logQ(level) - 1) / scale) * Math.abs(factor);
      const limited = (limit: number) => ({
        ...single,
        outputs: single.outputs.map((output, k) => (k === i ? { ...output, limit } : output)),
      });
      expect(refusal(limited(largest))).toMatch(/would check nothing/);
      expect(() => parse(limited(0.99 * largest))).not.toThrow();
    }
  });

  it('logits that read a slot twice: their checks would take the square of the time', () => {
    const outputs = single.outputs.map((output) =>
      output.name === 'logits' ? { ...output, slots: [0, 0, 3] } : output,
    );
    expect(refusal({ ...single, outputs })).toMatch(/reads a slot twice/);
  });

  it('no logits at all', () => {
    expect(refusal({ ...single, outputs: single.outputs.filter(({ name }) => name === 'sentinel') })).toMatch(
      /no logits/,
    );
  });
});

describe('row 1: no key that must not exist, whatever the list says', () => {
  const n = 2 ** 11;
  const rotations = single.keys.list.filter(([role]) => role === 'galois');
  const withKeys = (...more: readonly unknown[]) => ({
    ...single,
    keys: keysOf([...single.keys.list, ...more] as Tuples),
  });
  /** The list as it is given, in whatever order. */
  const listed = (list: readonly unknown[]) => ({ ...single, keys: { ...single.keys, list } });
  const special = rotations[0]![3];

  it.each([0, 1, 2, 4, n, 2 * n, 2 * n + 1, 2 * n + 5, 2 ** 40 + 1, -1, 5.5, '5', null])(
    'Galois element %j',
    (galois) => {
      expect(refusal(withKeys(['galois', galois, 1, special]))).toMatch(/keys.list\[\d+\]/);
    },
  );

  it('an even element anywhere in the list, an element twice, out of order', () => {
    fc.assert(
      fc.property(fc.nat(n - 1), fc.nat(rotations.length), (half, at) => {
        const list = single.keys.list.toSpliced(at, 0, ['galois', Math.max(2, 2 * half), 0, special]);
        expect(refusal(listed(list))).toMatch(/whole odd number/);
      }),
      { numRuns: 40 },
    );
    expect(refusal(withKeys(rotations[0]))).toMatch(/twice/);
    expect(refusal(listed(single.keys.list.toReversed()))).toMatch(/out of order/);
  });

  it.each([-1, parameters.maxLevel + 1, 2 ** 40, 0.5])('level %j', (level) => {
    for (const role of ['galois', 'relinearisation', 'toDense'])
      expect(refusal(withKeys([role, role === 'galois' ? 5 : 1, level, special]))).toMatch(/keys.list/);
    expect(refusal({ ...single, inputs: [{ ...single.inputs[0], level }] })).toMatch(/level/);
  });

  it.each([
    ['toSparse', 1, 1, 1],
    ['toSparse', 1, 0, 2],
    ['toSparse', 5, 0, 1],
    ['relinearisation', 5, 3, special],
    ['toDense', 5, 3, special],
    ['secretKey', 1, 0, 1],
  ])('a key of role %s with %j, %j, %j', (...tuple) => {
    expect(refusal(withKeys(tuple))).toMatch(/keys.list/);
  });

  it.each([0, parameters.specialCount + 1, 100])('%j special primes', (count) => {
    expect(refusal(withKeys(['galois', 5, 1, count]))).toMatch(/keys.list\[\d+\]/);
  });

  it('another plan than that of the list', () => {
    expect(refusal({ ...single, keys: { ...single.keys, plan: '00'.repeat(32) } })).toMatch(/keys.plan says/);
  });

  it.each(['keyBytes', 'wireBytes'])('another number of %s than the keys take', (name) => {
    const value = single.keys[name as 'keyBytes'];
    for (const wrong of [0, value - 1, value + 1, 2 ** 48])
      expect(refusal({ ...single, keys: { ...single.keys, [name]: wrong } })).toMatch(name);
    // A key more is more bytes.
    const { plan: _, ...sizes } = single.keys;
    const { plan: more } = keysOf([...single.keys.list, ['galois', 3, 0, special]]);
    const { list } = keysOf([...single.keys.list, ['galois', 3, 0, special]]);
    expect(refusal({ ...single, keys: { ...sizes, plan: more, list } })).toMatch(/keys.keyBytes says/);
  });

  it('no parameters but those of the security table, with a scale and sizes that exist', () => {
    for (const change of [
      { logN: 3 },
      { logN: 18 },
      { scaleBits: 5 },
      { scaleBits: 61 },
      { chainBits: [] },
      { specialBits: [] },
      { chainBits: [51] },
      { specialBits: Array(15).fill(50) },
    ])
      expect(refusal({ ...single, parameters: { ...single.parameters, ...change } })).toMatch(/parameters are refused/);
  });

  it.each([0, 3, 2 * slots, 1000])('%j slots', (count) => {
    expect(refusal({ ...single, slots: count })).toMatch(/slots/);
  });

  it('scales that are not those of their level', () => {
    const [input] = single.inputs as [ProgramManifest['inputs'][number]];
    for (const factor of [1 + 1e-8, 1 - 1e-8, 2, 2 ** -20, 1e200])
      expect(refusal({ ...single, inputs: [{ ...input, scale: input.scale * factor }] })).toMatch(/inputs\[0\].scale/);
    for (const level of [input.level - 1, input.level + 1])
      expect(refusal({ ...single, inputs: [{ ...input, level }] })).toMatch(/inputs\[0\].(scale|level)/);
    expect(() => parse({ ...single, inputs: [{ ...input, scale: input.scale * (1 + 1e-13) }] })).not.toThrow();
  });

  it('slot maps that lead outside, are too long, or do not fill the slots', () => {
    const [input] = single.inputs as [ProgramManifest['inputs'][number]];
    const [output, ...others] = single.outputs as [ProgramManifest['outputs'][number]];
    for (const source of [[0, 1, 2 ** 40], [0, 0, slots + 1], [0, 1], [-2, 0, slots], [0, 2 ** 32, slots], [2 ** 32, 0, slots], [0, 0, slots - 1], [-1, 0, slots], []])
      expect(refusal({ ...single, inputs: [{ ...input, source }] })).toMatch(/^do not use m.json: inputs/); // biome-ignore format: short
    for (const map of [[slots, 0, 3], [-1, 1, 3], [2 ** 32, 1, 3], [0, 2 ** 31, 3], [0, 1, 1e9], []])
      expect(refusal({ ...single, outputs: [{ ...output, slots: map }, ...others] })).toMatch(/outputs/); // biome-ignore format: short
    for (const period of [3, slots + 1, 1, 2 * slots])
      expect(refusal({ ...single, outputs: [{ ...output, period }, ...others] })).toMatch(/period/);
    for (const factor of [0, null, 'x']) {
      expect(refusal({ ...single, outputs: [{ ...output, factor }, ...others] })).toMatch(/factor/);
      expect(refusal({ ...single, inputs: [{ ...input, factor }] })).toMatch(/factor/);
    }
  });
});

/** What a client relies on, said again without the checks' own code. */
function expectLegal(manifest: ProgramManifest): void {
  const { logN, maxLevel, specialCount } = parameters;
  const { keys, inputs, outputs } = manifest;
  expect(parametersOf(manifest, accepted).digest).toBe(parameters.digest);
  const { batch } = manifest;
  expect(slots % batch).toBe(0);
  expect(new Set(keys.list.map((tuple) => tuple.join())).size).toBe(keys.list.length);
  for (const [role, galois, level, special] of keys.list) {
    expect(galois % 2).toBe(1);
    expect(galois > 0 && galois < 2 ** (logN + 1)).toBe(true);
    expect(galois !== 1).toBe(role === 'galois');
    expect(level >= 0 && level <= maxLevel).toBe(true);
    expect(special > 0 && special <= specialCount).toBe(true);
    expect(parameters.gadgetWith(level, special)).toBeDefined();
    if (role === 'toSparse') expect([level, special]).toEqual([0, 1]);
  }
  const scales = new CanonicalScales(parameters, plan.outputLevel);
  for (const { level, scale, source, factor } of inputs) {
    expect(Math.abs(scale - scales.at(level))).toBeLessThan(1e-8 * scale);
    expect(fromRuns(source, slots).length).toBe(manifest.slots);
    expect(Number.isFinite(1 / factor)).toBe(true);
  }
  const watched = outputs.filter(({ name }) => name === 'sentinel');
  expect(watched.length > 0 || keys.list.every(([role]) => role === 'galois')).toBe(true);
  for (const { slots: map, limit } of outputs) {
    expect(limit > 0 && Number.isFinite(limit)).toBe(true);
    expect(fromRuns(map, slots).every((slot) => slot >= 0 && slot < manifest.slots)).toBe(true);
  }
  for (const { slots: map } of watched)
    expect(
      fromRuns(map, slots)
        .sort()
        .every((slot, k) => slot === k && map.length > 0),
    ).toBe(true);
}

it('rows 1, 9, 10: any change of any field is legal or refused with an error of ours, soon', {
  timeout: 120_000,
}, () => {
  const number = fc.oneof(
    fc.integer({ min: -3, max: 40 }),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 53, 1e300, -0),
    fc.constantFrom(2 ** 10, 2 ** 11, 2 ** 12).chain((at) => fc.integer({ min: at - 2, max: at + 2 })),
  );
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'x'.repeat(1e5), '\u001b[31m'));
  const runs = fc.array(fc.array(fc.oneof(fc.integer({ min: -2, max: 2000 }), number), { minLength: 3, maxLength: 3 }), { maxLength: 4 }).map((list) => list.flat()); // biome-ignore format: short
  const huge = fc.constantFrom<Json[]>([Array(1e5).fill(0), Array(1e4).fill(['galois', 5, 1, 1]), Array(300).fill([0, 1, 1e9]).flat()]).map(([one]) => one!); // biome-ignore format: short
  const replacement = fc.oneof<fc.Arbitrary<Json | undefined>[]>(
    { arbitrary: number, weight: 4 } as never,
    text,
    runs as fc.Arbitrary<Json>,
    huge,
    fc.constantFrom<Json | undefined>(undefined, null, true, false, [], {}, 'NaN'),
    fc.jsonValue() as fc.Arbitrary<Json>,
  );
  const originals = Object.values(all) as unknown as Json[];
  const change = fc.tuple(fc.nat(), replacement);
  let kept = 0;
  fc.assert(
    fc.property(fc.nat(originals.length - 1), fc.array(change, { minLength: 1, maxLength: 2 }), (which, changes) => {
      let json = originals[which] as Json;
      for (const [at, by] of changes) {
        const where = places(json);
        json = changed(json, where[at % where.length]!, by);
      }
      const started = performance.now();
      try {
        const manifest = parseManifest(JSON.stringify(json), 'm.json', accepted);
        kept++;
        expectLegal(manifest);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
      }
      expect(performance.now() - started).toBeLessThan(5000);
    }),
    { numRuns: 150, seed: 18 },
  );
  // Changes of names, times and the like are harmless.
  expect(kept).toBeGreaterThan(0);
});
