import { WireError } from '../errors/index.ts';
import type { Context, Parameters } from '../scheme/index.ts';
import { checksumBytes, sameBytes, sha256 } from './checksum.ts';
import { expectHeader, headerBytes, titleOf, type WireHeader, type WireKind, writeHeader } from './header.ts';
import { limbBytes, packResidues, unpackResidues } from './packing.ts';
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

/** Bytes of an object with this description and these limbs. */
export function objectBytes(parameters: Parameters, description: Uint8Array, primes: readonly number[]): number {
  return headerBytes(description) + sizes(layout(parameters, primes)).framed;
}

/** An object that is a description only. */
export function describedObject(kind: WireKind, digest: string, description: Uint8Array<ArrayBuffer>): WireObject {
  return {
    kind,
    bytes: headerBytes(description),
    async *[Symbol.asyncIterator]() {
      yield await writeHeader({ kind, digest, bodyBytes: 0, description });
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
      const header = await writeHeader({ kind, digest: parameters.digest, bodyBytes: body, description });
      let checksum: Uint8Array = header.slice(-checksumBytes);
      yield header;
      for (const [index, frame] of frames.entries()) {
        const sealed = new SealedFrame(frame.bytes);
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
 * Reads an object with residues: header, then frame by frame into the memory of `allocate`. Throws WireError for
 * anything that is not exactly what `packedObject` writes; releases what it allocated.
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
  try {
    let checksum = start;
    const room = new SealedFrame(Math.max(...frames.map((frame) => frame.bytes)));
    for (const [index, frame] of frames.entries()) {
      const what = `part ${index + 1} of ${frames.length} of ${titleOf(kind)}`;
      const sealed = room.ofLength(frame.bytes);
      await from.fill(sealed.prefix, what);
      sealed.checkPrefix(index, what);
      await from.fill(sealed.rest, what);
      sealed.previous.set(checksum);
      checksum = await sealed.checksum();
      if (!sameBytes(checksum, sealed.storedChecksum))
        throw new WireError(`${what} is damaged (wrong checksum): read or transfer it again`);
      for (let limb = frame.from, at = 0; limb < frame.to; limb++) {
        const p = parameters.primes[primes[limb]!]!;
        const length = limbBytes(parameters.n, p);
        const lanes = lanesOf({ context, primes, address }, limb);
        const wrong = unpackResidues(sealed.payloadWords(at, length), lanes, p);
        if (wrong >= 0) {
          throw new WireError(
            `${what}: residue ${wrong} of limb ${limb} is not below its prime ${p}: this was not written by cipherformer`,
          );
        }
        at += length;
      }
    }
    return result;
  } catch (error) {
    result[Symbol.dispose]();
    throw error;
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
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #length: number;

  constructor(length: number, buffer = new Uint8Array(checksumBytes + prefixBytes + length + checksumBytes)) {
    this.#length = length;
    this.#buffer = buffer;
  }

  /** The same memory for a frame that is not longer. */
  ofLength(length: number): SealedFrame {
    return new SealedFrame(length, this.#buffer);
  }

  get previous(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, checksumBytes);
  }

  get prefix(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(checksumBytes, checksumBytes + prefixBytes);
  }

  /** Payload and checksum. */
  get rest(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(checksumBytes + prefixBytes, checksumBytes + frameOverhead + this.#length);
  }

  get storedChecksum(): Uint8Array<ArrayBuffer> {
    return this.rest.subarray(this.#length);
  }

  /** All that goes on the wire. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(checksumBytes, checksumBytes + frameOverhead + this.#length);
  }

  payloadWords(at: number, length: number): Uint32Array {
    return new Uint32Array(this.#buffer.buffer, checksumBytes + prefixBytes + at, length / 4);
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
    return sha256(this.#buffer.subarray(0, checksumBytes + prefixBytes + this.#length));
  }

  #prefixView(): DataView {
    const { buffer, byteOffset, length } = this.prefix;
    return new DataView(buffer, byteOffset, length);
  }
}
