import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/errors.ts';
import { readPickle } from '../../src/files/pickle.ts';
import { readPth } from '../../src/files/pth.ts';

const folder = mkdtempSync(join(tmpdir(), 'pth-'));
afterAll(() => rmSync(folder, { recursive: true }));

// Pickles are assembled by hand, instruction by instruction, as torch.save writes them (protocol 2).
const latin = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
const text = (value: string) => {
  const bytes = new TextEncoder().encode(value);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  return Buffer.concat([latin('X'), length, bytes]);
};
const global = (module: string, name: string) => latin(`c${module}\n${name}\n`);
const byte = (value: number) => Uint8Array.of(0x4b, value);
const tuple = (...items: Uint8Array[]) => Buffer.concat([latin('('), ...items, latin('t')]);
const proto = Uint8Array.of(0x80, 2);

/** _rebuild_tensor_v2(storage, offset, shape, stride, False, OrderedDict()) */
function tensor(
  key: string,
  type: string,
  offset: number,
  shape: number[],
  stride: number[],
  count: number,
): Uint8Array {
  const storage = Buffer.concat([
    tuple(text('storage'), global('torch', type), text(key), text('cpu'), byte(count)),
    latin('Q'),
  ]);
  const empty = Buffer.concat([global('collections', 'OrderedDict'), latin(')R')]);
  const args = tuple(
    storage,
    byte(offset),
    tuple(...shape.map(byte)),
    tuple(...stride.map(byte)),
    Uint8Array.of(0x89),
    empty,
  );
  return Buffer.concat([global('torch._utils', '_rebuild_tensor_v2'), args, latin('R')]);
}

const stateDict = (entries: Record<string, Uint8Array>) =>
  Buffer.concat([
    proto,
    global('collections', 'OrderedDict'),
    latin(')R('),
    ...Object.entries(entries).flatMap(([name, value]) => [text(name), value]),
    latin('u.'),
  ]);

/** A zip archive with stored entries (CRCs are not checked by the reader and left 0). */
function zip(files: Record<string, Uint8Array>, method = 0): Uint8Array {
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

function save(name: string, files: Record<string, Uint8Array>, method = 0): string {
  const path = join(folder, name);
  writeFileSync(path, zip(files, method));
  return path;
}

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

describe('PyTorch state dictionaries', () => {
  it('reads tensors by shape, stride and offset', () => {
    const pickle = stateDict({
      'layer.weight': tensor('0', 'FloatStorage', 0, [2, 3], [3, 1], 6),
      transposed: tensor('0', 'FloatStorage', 0, [3, 2], [1, 3], 6),
      'layer.bias': tensor('1', 'FloatStorage', 1, [2], [1], 3),
      count: tensor('2', 'LongStorage', 0, [], [], 1),
    });
    const path = save('model.pth', {
      'm/data.pkl': pickle,
      'm/data/0': floats(1, 2, 3, 4, 5, 6),
      'm/data/1': floats(7, 8, 9),
      'm/data/2': new Uint8Array(BigInt64Array.of(-3n).buffer),
    });
    const tensors = readPth(path);
    expect([...tensors.get('layer.weight')!.data]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...tensors.get('transposed')!.data]).toEqual([1, 4, 2, 5, 3, 6]);
    expect([...tensors.get('layer.bias')!.data]).toEqual([8, 9]);
    expect(tensors.get('count')).toEqual({ shape: [], data: Float32Array.of(-3) });
  });

  it('executes nothing: names outside the list are refused', () => {
    for (const [module, name] of [
      ['os', 'system'],
      ['builtins', 'eval'],
      ['torch', 'load'],
      ['posix', 'system'],
      ['torch', 'constructor'],
    ]) {
      const attack = Buffer.concat([
        proto,
        global(module!, name!),
        text('echo owned'),
        Uint8Array.of(0x85),
        latin('R.'),
      ]);
      expect(() => readPickle(attack, 'bad.pth')).toThrow(FormatError);
      expect(() => readPickle(attack, 'bad.pth')).toThrow(`"${module}.${name}", which is not allowed`);
    }
  });

  it('refuses instructions it does not need, and pickles that end early', () => {
    // INST, OBJ, NEWOBJ, EXT1, PERSID, STACK_GLOBAL
    for (const opcode of ['i', 'o', '\x81', '\x82', 'P', '\x93']) {
      expect(() => readPickle(Buffer.concat([proto, latin(`()${opcode}.`)]), 'x')).toThrow(FormatError);
    }
    const whole = stateDict({ a: tensor('0', 'FloatStorage', 0, [2], [1], 2) });
    for (let length = 0; length < whole.length; length++) {
      expect(() => readPickle(whole.subarray(0, length), 'x')).toThrow(FormatError);
    }
  });

  it('refuses tensors that reach beyond their storage, missing storages, compressed and truncated archives', () => {
    const with0 = (pickle: Uint8Array) => ({ 'm/data.pkl': pickle, 'm/data/0': floats(1, 2) });
    const one = (...args: [number, number[], number[]]) => stateDict({ a: tensor('0', 'FloatStorage', ...args, 2) });
    for (const pickle of [one(0, [3], [1]), one(1, [2], [1]), one(0, [2, 2], [200, 1])]) {
      expect(() => readPth(save('reach.pth', with0(pickle)))).toThrow(/reaches beyond its storage/);
    }
    expect(() => readPth(save('lost.pth', { 'm/data.pkl': one(0, [2], [1]) }))).toThrow(/storage that is missing/);
    expect(() => readPth(save('deflated.pth', with0(one(0, [2], [1])), 8))).toThrow(/compressed/);
    expect(() => readPth(save('other.pth', { 'readme.txt': floats(1) }))).toThrow(/no data\.pkl/);
    const whole = zip(with0(one(0, [2], [1])));
    writeFileSync(join(folder, 'short.pth'), whole.subarray(0, whole.length - 30));
    expect(() => readPth(join(folder, 'short.pth'))).toThrow(FormatError);
  });
});
