import { WireError } from '../errors/index.ts';
import { Op, Slab } from '../kernels/index.ts';
import type { Context, Parameters } from '../scheme/index.ts';
import { checksumBytes, sameBytes, sha256 } from './checksum.ts';
import {
  expectHeader,
  headerBytes,
  newestVersion,
  titleOf,
  type WireHeader,
  type WireKind,
  writeHeader,
} from './header.ts';
import { limbBytes, packResidues } from './packing.ts';
import type { SourceReader } from './source.ts';

/**
 * An object as bytes: iterate for its frames, each at most 8 MiB and complete in itself, so that they can be sent,
 * stored and resumed one by one. Nothing is packed before it is asked for; iterating again starts again.
 */
export interface WireObject extends AsyncIterable<Uint8Array<ArrayBuffer>> {
  readonly kind: WireKind;
  /** Length of all frames, known without writing them. */
  readonly bytes: number;
}

/** Residues in memory: limb i is at `address(i)` (lazily: owners may be disposed of), modulo ring prime `primes[i]`. */
export interface Limbs {
  readonly context: Context;
  readonly primes: readonly number[];
  address(limb: number): number;
}

/** A run of whole limbs in one frame. */
interface Frame {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

const maxFrameBytes = 2 ** 23;
/** Payload length and index of the frame. */
const prefixBytes = 8;
const frameOverhead = prefixBytes + checksumBytes;
/** Bytes of a frame in memory, behind the checksum before it. */
const sealedBytes = (payload: number) => checksumBytes + frameOverhead + payload;

/** Which limbs go into which frame: a function of the shape alone, so a reader trusts no length it has read. */
function layout(parameters: Parameters, primes: readonly number[]): Frame[] {
  const frames: Frame[] = [];
  const bytesOf = new Map<number, number>();
  for (const index of new Set(primes)) bytesOf.set(index, limbBytes(parameters.n, parameters.primes[index]!));
  let from = 0;
  let bytes = 0;
  for (const [limb, index] of primes.entries()) {
    const more = bytesOf.get(index)!;
    if (bytes + more > maxFrameBytes - frameOverhead) {
      frames.push({ from, to: limb, bytes });
      from = limb;
      bytes = 0;
    }
    bytes += more;
  }
  if (bytes > 0) frames.push({ from, to: primes.length, bytes });
  return frames;
}

function sizes(frames: readonly Frame[]): { body: number; framed: number } {
  const body = frames.reduce((sum, frame) => sum + frame.bytes, 0);
  return { body, framed: body + frames.length * frameOverhead };
}

/** An object that is a description only. */
export function describedObject(kind: WireKind, digest: string, description: Uint8Array<ArrayBuffer>): WireObject {
  return {
    kind,
    bytes: headerBytes(description),
    async *[Symbol.asyncIterator]() {
      yield await writeHeader({ kind, version: newestVersion(kind), digest, bodyBytes: 0, description });
    },
  };
}

/** The same for a description that is secret: asked for when it is written, erased when the writer goes on. */
export function secretObject(
  kind: WireKind,
  version: number,
  digest: string,
  descriptionBytes: number,
  description: () => Uint8Array<ArrayBuffer>,
): WireObject {
  return {
    kind,
    bytes: headerBytes(new Uint8Array(descriptionBytes)),
    async *[Symbol.asyncIterator]() {
      const secret = description();
      const header = await writeHeader({ kind, version, digest, bodyBytes: 0, description: secret });
      secret.fill(0);
      try {
        yield header;
      } finally {
        header.fill(0);
      }
    },
  };
}

/** An object with residues. */
export function packedObject(kind: WireKind, description: Uint8Array<ArrayBuffer>, limbs: Limbs): WireObject {
  const { parameters } = limbs.context;
  const frames = layout(parameters, limbs.primes);
  const { body, framed } = sizes(frames);
  return {
    kind,
    bytes: headerBytes(description) + framed,
    async *[Symbol.asyncIterator]() {
      const version = newestVersion(kind);
      const header = await writeHeader({ kind, version, digest: parameters.digest, bodyBytes: body, description });
      let checksum: Uint8Array = header.slice(-checksumBytes);
      yield header;
      for (const [index, frame] of frames.entries()) {
        const buffer = new Uint8Array(sealedBytes(frame.bytes));
        const sealed = new SealedFrame(frame.bytes, () => buffer);
        sealed.start(checksum, index);
        for (let limb = frame.from, at = 0; limb < frame.to; limb++) {
          const p = parameters.primes[limbs.primes[limb]!]!;
          const length = limbBytes(parameters.n, p);
          packResidues(lanesOf(limbs, limb), sealed.payloadWords(at, length), p);
          at += length;
        }
        checksum = await sealed.checksum();
        sealed.storedChecksum.set(checksum);
        yield sealed.bytes;
      }
    },
  };
}

/** An object's own part of the reading: its limbs, from its checked header. */
export interface Reading<T extends Disposable> {
  /** Ring primes of the limbs that follow, decided from the header before anything is allocated. */
  readonly primes: readonly number[];
  /** Makes the object and says where its limbs go. */
  allocate(): { result: T; address: (limb: number) => number };
}

/**
 * Reads an object with residues: header, then frame by frame into the memory of `allocate`.
 * @throws WireError for anything that is not exactly what `packedObject` writes, and releases what it allocated
 */
export async function readPacked<T extends Disposable>(
  from: SourceReader,
  kind: WireKind,
  context: Context,
  parse: (header: WireHeader) => Reading<T>,
): Promise<T> {
  const { parameters } = context;
  const { header, checksum: start } = await expectHeader(from, kind, parameters.digest);
  const { primes, allocate } = parse(header);
  const frames = layout(parameters, primes);
  const { body } = sizes(frames);
  if (header.bodyBytes !== body) {
    throw new WireError(
      `${titleOf(kind)} claims ${header.bodyBytes} bytes of residues, its shape has ${body}: it is damaged`,
    );
  }
  const { result, address } = allocate();
  const limbs = { context, primes, address };
  try {
    const roomBytes = sealedBytes(Math.max(...frames.map((frame) => frame.bytes)));
    // Two: one frame's checksum is computed on another thread while the frame before it is unpacked.
    using even = new StagingMemory(context, roomBytes);
    using odd = new StagingMemory(context, roomBytes);
    let checksum = start;
    let unpackBefore = () => {};
    for (const [index, frame] of frames.entries()) {
      const what = `part ${index + 1} of ${frames.length} of ${titleOf(kind)}`;
      const memory = index % 2 === 0 ? even : odd;
      const sealed = new SealedFrame(frame.bytes, () => memory.bytes);
      await from.fill(() => sealed.prefix, what);
      sealed.checkPrefix(index, what);
      await from.fill(() => sealed.rest, what);
      sealed.previous.set(checksum);
      const computing = sealed.checksum();
      unpackBefore();
      checksum = await computing;
      if (!sameBytes(checksum, sealed.storedChecksum))
        throw new WireError(`${what} is damaged (wrong checksum): read or transfer it again`);
      unpackBefore = () => unpackFrame(memory.payload, limbs, frame, what);
    }
    unpackBefore();
    return result;
  } catch (error) {
    result[Symbol.dispose]();
    throw error;
  }
}

/** Unpacks the payload at `payload` into its limbs. @throws WireError for a residue that is not below its prime */
function unpackFrame(payload: number, { context, primes, address }: Limbs, frame: Frame, what: string): void {
  const { kernels, ring, parameters } = context;
  const moduli = primes.slice(frame.from, frame.to);
  const addresses = moduli.map((_, i) => address(frame.from + i));
  const wrong = kernels.call(Op.unpackResidues, ring.handle, payload, addresses, moduli);
  if (wrong < 0) return;
  const limb = Math.floor(wrong / ring.n);
  throw new WireError(
    `${what}: residue ${wrong % ring.n} of limb ${frame.from + limb} is not below its prime ${parameters.primes[moduli[limb]!]}: this was not written by cipherformer`,
  );
}

/** Memory that both the reader fills and the kernels read: a frame is copied nowhere on its way. */
class StagingMemory implements Disposable {
  readonly #slab: Slab;
  #view: Uint8Array<ArrayBuffer>;

  constructor({ kernels }: Context, bytes: number) {
    this.#slab = new Slab(kernels, Math.ceil(bytes / 8));
    this.#view = this.#slab.bytesView();
  }

  /** Valid until the next allocation (WebAssembly): not across an await. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#view.length === 0) this.#view = this.#slab.bytesView();
    return this.#view;
  }

  /** Byte address of the payload; its checksum behind it is what the kernel may read past the end. */
  get payload(): number {
    return this.#slab.address() + checksumBytes + prefixBytes;
  }

  [Symbol.dispose](): void {
    this.#slab.release();
  }
}

/** The 32-bit halves of a limb's words. Valid until the next allocation (WebAssembly). */
function lanesOf({ context, address }: Limbs, limb: number): Uint32Array {
  const view = context.kernels.view(address(limb), 8 * context.ring.n);
  return new Uint32Array(view.buffer, view.byteOffset, 2 * context.ring.n);
}

/**
 * One frame in memory: [checksum before it][length u32][index u32][payload][checksum], the first not on the wire. Each
 * checksum covers the one before, so frames of different objects cannot be mixed and the last names the whole object.
 */
class SealedFrame {
  readonly #memory: () => Uint8Array<ArrayBuffer>;
  readonly #length: number;

  /** @param memory at least `sealedBytes(length)`; asked for again at each use */
  constructor(length: number, memory: () => Uint8Array<ArrayBuffer>) {
    this.#length = length;
    this.#memory = memory;
  }

  get previous(): Uint8Array<ArrayBuffer> {
    return this.#memory().subarray(0, checksumBytes);
  }

  get prefix(): Uint8Array<ArrayBuffer> {
    return this.#memory().subarray(checksumBytes, checksumBytes + prefixBytes);
  }

  /** Payload and checksum. */
  get rest(): Uint8Array<ArrayBuffer> {
    return this.#memory().subarray(checksumBytes + prefixBytes, checksumBytes + frameOverhead + this.#length);
  }

  get storedChecksum(): Uint8Array<ArrayBuffer> {
    return this.rest.subarray(this.#length);
  }

  /** All that goes on the wire. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#memory().subarray(checksumBytes, checksumBytes + frameOverhead + this.#length);
  }

  payloadWords(at: number, length: number): Uint32Array {
    const { buffer, byteOffset } = this.rest;
    return new Uint32Array(buffer, byteOffset + at, length / 4);
  }

  start(previous: Uint8Array, index: number): void {
    this.previous.set(previous);
    const prefix = this.#prefixView();
    prefix.setUint32(0, this.#length, true);
    prefix.setUint32(4, index, true);
  }

  checkPrefix(index: number, what: string): void {
    const prefix = this.#prefixView();
    const [length, found] = [prefix.getUint32(0, true), prefix.getUint32(4, true)];
    if (found !== index) throw new WireError(`${what} carries number ${found + 1}: parts are missing or out of order`);
    if (length !== this.#length)
      throw new WireError(`${what} claims ${length} bytes, its shape has ${this.#length}: it is damaged`);
  }

  checksum(): Promise<Uint8Array> {
    return sha256(this.#memory().subarray(0, checksumBytes + prefixBytes + this.#length));
  }

  #prefixView(): DataView {
    const { buffer, byteOffset, length } = this.prefix;
    return new DataView(buffer, byteOffset, length);
  }
}
