import type { Random } from '../../packages/nn/src/random.ts';

// Ways to change valid bytes into bytes that a stranger might send.

/** Changes an object; `seeds` are all valid ones of the same reader. The object itself stays as it is. */
export type Mutation = (
  bytes: Uint8Array,
  random: Random,
  seeds: readonly Uint8Array[],
) => Uint8Array | Promise<Uint8Array>;

const pick = <T>(random: Random, items: readonly T[]): T => items[random.integer(items.length)]!;
const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** A part of the bytes, empty at times. */
function range(bytes: Uint8Array, random: Random): [from: number, to: number] {
  const from = random.integer(bytes.length + 1);
  const most = bytes.length - from;
  return [from, from + random.integer(Math.min(most, random.uniform() < 0.7 ? 16 : most) + 1)];
}

const lengths = [
  0n,
  1n,
  2n,
  127n,
  255n,
  2n ** 15n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** A number of 1, 2, 4 or 8 bytes somewhere becomes a telling one, or moves by a little. */
const lengthField: Mutation = (bytes, random) => {
  const size = pick(random, [1, 2, 4, 8]);
  if (bytes.length < size) return bytes.slice();
  const copy = bytes.slice();
  // Half of them near the beginning, where headers are.
  const room = copy.length - size + 1;
  const at = random.integer(random.uniform() < 0.5 ? Math.min(room, 128) : room);
  const little = random.uniform() < 0.7;
  const place = (i: number) => at + (little ? i : size - 1 - i);
  let value = pick(random, lengths);
  if (random.uniform() < 0.4) {
    value = BigInt(random.integer(5) - 2);
    for (let i = 0; i < size; i++) value += BigInt(copy[place(i)]!) << BigInt(8 * i);
  }
  for (let i = 0; i < size; i++) copy[place(i)] = Number(BigInt.asUintN(8, value >> BigInt(8 * i)));
  return copy;
};

const edits: readonly Mutation[] = [
  // Bits.
  (bytes, random) => {
    const copy = bytes.slice();
    if (copy.length > 0)
      for (let i = 1 + random.integer(4); i > 0; i--) copy[random.integer(copy.length)]! ^= 1 << random.integer(8);
    return copy;
  },
  // Bytes.
  (bytes, random) => {
    const copy = bytes.slice();
    if (copy.length > 0)
      for (let i = 1 + random.integer(4); i > 0; i--) copy[random.integer(copy.length)] = random.integer(256);
    return copy;
  },
  lengthField,
  lengthField,
  // Cut short.
  (bytes, random) => bytes.slice(0, random.integer(bytes.length + 1)),
  // A part removed, repeated, or replaced by one of another object or by noise.
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return joined(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    const times = random.uniform() < 0.9 ? 1 : 1 + random.integer(64);
    return joined(
      bytes.subarray(0, to),
      ...Array.from({ length: times }, () => bytes.subarray(from, to)),
      bytes.subarray(to),
    );
  },
  (bytes, random, seeds) => {
    const [from, to] = range(bytes, random);
    const other = pick(random, seeds);
    return joined(bytes.subarray(0, from), other.subarray(...range(other, random)), bytes.subarray(to));
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    const noise = Uint8Array.from({ length: random.integer(9) }, () => random.integer(256));
    return joined(bytes.subarray(0, from), noise, bytes.subarray(to));
  },
];

/** One to four edits of bytes, whatever they mean. */
export const mutateBytes: Mutation = async (bytes, random, seeds) => {
  let changed = bytes;
  for (let i = 1 + random.integer(random.uniform() < 0.6 ? 1 : 4); i > 0; i--)
    changed = await pick(random, edits)(changed, random, seeds);
  return changed;
};

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
const text = new TextDecoder();
const encoded = (value: string) => new TextEncoder().encode(value);

const tellingValues: readonly (() => Json)[] = [
  () => null,
  () => true,
  () => false,
  ...[0, -0, -1, 1, 0.5, 3, 255, 2 ** 16, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53, 1e300, -1e300, 1e-320].map(
    (n) => () => n,
  ),
  // JSON for numbers beyond all doubles, written out below.
  () => 'INFINITE',
  ...[
    '',
    ' ',
    '\0',
    '\u001b[2J',
    '\u009b1m',
    '\ud800',
    '__proto__',
    'constructor',
    'toString',
    '../x',
    'a'.repeat(5000),
  ].map((s) => () => s),
  () => [],
  () => ({}),
  () => [[]],
  () => [null],
  () => Array.from({ length: 300 }, (_, i) => i),
  () => nested(100, (inner) => [inner]),
  () => nested(100, (inner) => ({ a: inner })),
  () => nested(5000, (inner) => [inner]),
];

function nested(depth: number, wrap: (inner: Json) => Json): Json {
  let value: Json = null;
  for (let i = 0; i < depth; i++) value = wrap(value);
  return value;
}

interface Place {
  readonly holder: { [key: string]: Json };
  readonly key: string;
}

/** Every value inside of one, with its holder; at most the first of long lists, so that they do not outweigh all else. */
function places(value: Json, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const key of Object.keys(value).slice(0, 24)) {
    const holder = value as { [key: string]: Json };
    found.push({ holder, key });
    places(holder[key]!, found);
  }
  return found;
}

function editJson(root: { value: Json }, random: Random, other: Json): void {
  const all = places(root as unknown as Json);
  if (all.length === 0) return;
  const { holder, key } = pick(random, all);
  const set = (at: string, value: Json) =>
    Object.defineProperty(holder, at, { value, enumerable: true, writable: true, configurable: true });
  const elsewhere = places({ other, own: root.value });
  switch (random.integer(8)) {
    case 0: {
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    }
    case 1:
      // A field more, at times one that objects have already.
      if (!Array.isArray(holder)) set(pick(random, ['more', '__proto__', 'constructor', `${key}x`, '0']), holder[key]!);
      else holder.push(holder[Number(key)]!);
      break;
    case 2: {
      const { holder: from, key: at } = pick(random, elsewhere);
      set(key, structuredClone(from[at]!));
      break;
    }
    case 3:
      if (typeof holder[key] === 'number')
        set(key, (holder[key] as number) + pick(random, [-1, 1, 0.5, -(holder[key] as number) * 2, 2 ** 32]));
      else if (typeof holder[key] === 'string') set(key, mangled(holder[key] as string, random));
      else if (Array.isArray(holder[key])) set(key, (holder[key] as Json[]).slice(random.integer(2)).reverse());
      break;
    default:
      set(key, pick(random, tellingValues)());
  }
}

function mangled(value: string, random: Random): string {
  const at = random.integer(value.length + 1);
  return (
    value.slice(0, at) +
    pick(random, ['', 'a', ' ', '\n', '\r', '\t', '"', '\u0000', '€', '0']) +
    value.slice(at + random.integer(3))
  );
}

function changedJson(source: string, random: Random, other: string): string {
  const root = { value: JSON.parse(source) as Json };
  for (let i = 1 + random.integer(random.uniform() < 0.6 ? 1 : 4); i > 0; i--) {
    try {
      editJson(root, random, JSON.parse(other) as Json);
    } catch (error) {
      // Too deep for the editor, not for the reader.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return (written(root.value) ?? 'null').replaceAll('"INFINITE"', '1e999');
}

/** JSON.stringify, for values of any depth. */
function written(value: Json): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return `${'['.repeat(5000)}${']'.repeat(5000)}`;
  }
}

/** Objects that are JSON: fields removed, added, moved, and given values that are telling. */
export const mutateJson: Mutation = (bytes, random, seeds) =>
  encoded(changedJson(text.decode(bytes), random, text.decode(pick(random, seeds))));

/** Lines of JSON, one of them changed. */
export const mutateJsonLines: Mutation = (bytes, random) => {
  const lines = text.decode(bytes).split('\n').filter(Boolean);
  const at = random.integer(lines.length);
  lines[at] = changedJson(lines[at]!, random, pick(random, lines));
  return encoded(lines.join(pick(random, ['\n', '\n', '\r\n', '\r', '\n\n'])));
};

/** Lines of text: some removed, repeated, moved or mangled, with all kinds of ends. */
export const mutateLines: Mutation = (bytes, random) => {
  const lines = text.decode(bytes).split('\n');
  for (let i = 1 + random.integer(3); i > 0; i--) {
    const at = random.integer(lines.length);
    const kind = random.integer(4);
    if (kind === 0) lines.splice(at, 1);
    else if (kind === 1) lines.splice(random.integer(lines.length + 1), 0, lines[at] ?? '');
    else lines[at] = mangled(lines[at] ?? '', random);
  }
  return encoded(lines.join(random.uniform() < 0.7 ? '\n' : pick(random, ['\r\n', '\r', '\n\n', '\u2028'])));
};

/** JSON inside of a binary object, behind its length; the length is made right again. */
export function mutateJsonHeader(lengthAt: number, lengthBytes: 4 | 8): Mutation {
  const start = lengthAt + lengthBytes;
  const split = (bytes: Uint8Array) => {
    const end = start + new DataView(bytes.buffer, bytes.byteOffset).getUint32(lengthAt, true);
    return { head: bytes.slice(0, start), json: text.decode(bytes.subarray(start, end)), rest: bytes.subarray(end) };
  };
  return (bytes, random, seeds) => {
    const { head, json, rest } = split(bytes);
    const changed = encoded(changedJson(json, random, split(pick(random, seeds)).json));
    new DataView(head.buffer, head.byteOffset).setUint32(lengthAt, changed.length, true);
    return joined(head, changed, rest);
  };
}

/** Makes checksums right again after another change, so that what they protect is reached. */
export const resealed =
  (mutation: Mutation, seal: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>): Mutation =>
  async (bytes, random, seeds) =>
    seal(await mutation(bytes, random, seeds));
