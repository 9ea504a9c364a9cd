import { WireError } from '../errors/index.ts';
import { erasableBytes, erasableCopy } from '../scheme/index.ts';

/** Writes the small little-endian fields of a header. They may be secret: nothing stays behind after `finish`. */
export class FieldWriter {
  #bytes = erasableBytes(256);
  #length = 0;

  u8(value: number): this {
    this.#take(1)[0] = value;
    return this;
  }

  u16(value: number): this {
    return this.u8(value & 0xff).u8(value >>> 8);
  }

  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16);
  }

  f64(value: number): this {
    const { buffer, byteOffset } = this.#take(8);
    new DataView(buffer, byteOffset).setFloat64(0, value, true);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#take(value.length).set(value);
    return this;
  }

  /** What was written; the writer is empty again. */
  finish(): Uint8Array<ArrayBuffer> {
    const written = erasableCopy(this.#bytes.subarray(0, this.#length));
    this.#bytes.fill(0);
    this.#length = 0;
    return written;
  }

  /** Room for the next `count` bytes. */
  #take(count: number): Uint8Array<ArrayBuffer> {
    const from = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = erasableBytes(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes.fill(0);
      this.#bytes = larger;
    }
    return this.#bytes.subarray(from, this.#length);
  }
}

/** Reads them back: never past the end, and nothing may be left over. */
export class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  /** Position, for taking the bytes of several fields together with `since`. */
  get position(): number {
    return this.#at;
  }

  since(position: number): Uint8Array {
    return this.#bytes.subarray(position, this.#at);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    const from = this.#take(count);
    return erasableCopy(this.#bytes.subarray(from, from + count));
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new WireError(`the description of ${this.#what} has ${left} bytes too many: it is damaged`);
  }

  #take(count: number): number {
    if (this.#bytes.length - this.#at < count) {
      throw new WireError(
        `the description of ${this.#what} has only ${this.#bytes.length} bytes, too few for its fields: it is damaged`,
      );
    }
    this.#at += count;
    return this.#at - count;
  }
}
