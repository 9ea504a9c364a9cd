// Pickles written instruction by instruction, as torch.save does (protocol 2), and the archives that hold them.

const latin = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Writes instructions; every method appends one or more. */
export class Pickle {
  readonly #parts: Uint8Array[] = [Uint8Array.of(0x80, 2)];

  raw(text: string): this {
    this.#parts.push(latin(text));
    return this;
  }

  text(value: string | Uint8Array): this {
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    this.raw('X');
    this.#parts.push(new Uint8Array(Uint32Array.of(bytes.length).buffer), bytes);
    return this;
  }

  global(module: string, name: string): this {
    return this.raw(`c${module}\n${name}\n`);
  }

  /** A whole number of up to 48 bits. */
  number(value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
    this.raw('\x8a\x06');
    this.#parts.push(bytes.subarray(0, 6));
    return this;
  }

  tuple(...items: ((pickle: this) => unknown)[]): this {
    this.raw('(');
    for (const item of items) item(this);
    return this.raw('t');
  }

  numbers(values: readonly number[]): this {
    return this.tuple(...values.map((value) => (pickle: this) => pickle.number(value)));
  }

  /** _rebuild_tensor_v2(storage, offset, shape, stride, False, OrderedDict()) */
  tensor(key: string, type: string, offset: number, shape: readonly number[], stride: readonly number[]): this {
    const storage = (pickle: this) =>
      pickle
        .tuple(
          (p) => p.text('storage'),
          (p) => p.global('torch', type),
          (p) => p.text(key),
          (p) => p.text('cpu'),
          (p) => p.number(0),
        )
        .raw('Q');
    return this.global('torch._utils', '_rebuild_tensor_v2')
      .tuple(
        storage,
        (p) => p.number(offset),
        (p) => p.numbers(shape),
        (p) => p.numbers(stride),
        (p) => p.raw('\x89'),
        (p) => p.global('collections', 'OrderedDict').raw(')R'),
      )
      .raw('R');
  }

  /** OrderedDict of names to what the functions append. */
  dictionary(entries: Readonly<Record<string, (pickle: this) => unknown>>): this {
    this.global('collections', 'OrderedDict').raw(')R(');
    for (const [name, value] of Object.entries(entries)) value(this.text(name));
    return this.raw('u');
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  end(): Uint8Array {
    return this.raw('.').bytes();
  }
}

/** A zip archive with stored entries (CRCs are not checked by the reader and left 0). */
export function zip(files: Readonly<Record<string, Uint8Array>>, method = 0): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(files)) {
    const encoded = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(encoded.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(data.length, 20);
    central.writeUInt32LE(data.length, 24);
    central.writeUInt16LE(encoded.length, 28);
    central.writeUInt32LE(offset, 42);
    parts.push(local, encoded, Buffer.from(data));
    directory.push(central, encoded);
    offset += 30 + encoded.length + data.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}
