import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../../../model/src/errors.ts';
import { readPickle } from '../../../src/checkpoints/formats/pickle.ts';
import { readPth } from '../../../src/checkpoints/formats/pth.ts';
import { Pickle, zip } from './pickles.ts';

const folder = mkdtempSync(join(tmpdir(), 'pth-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Entries = Readonly<Record<string, (pickle: Pickle) => unknown>>;
const tensor = (key: string, type: string, offset: number, shape: number[], stride: number[]) => (pickle: Pickle) =>
  pickle.tensor(key, type, offset, shape, stride);
const stateDict = (entries: Entries) => new Pickle().dictionary(entries).end();

function save(name: string, files: Record<string, Uint8Array>, method = 0): string {
  const path = join(folder, name);
  writeFileSync(path, zip(files, method));
  return path;
}

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

describe('PyTorch state dictionaries', () => {
  it('reads tensors by shape, stride and offset', () => {
    const pickle = stateDict({
      'layer.weight': tensor('0', 'FloatStorage', 0, [2, 3], [3, 1]),
      transposed: tensor('0', 'FloatStorage', 0, [3, 2], [1, 3]),
      'layer.bias': tensor('1', 'FloatStorage', 1, [2], [1]),
      count: tensor('2', 'LongStorage', 0, [], []),
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
      ['torch FloatStorage', 'load'],
    ]) {
      const attack = new Pickle().global(module!, name!).text('echo owned').raw('\x85R').end();
      expect(() => readPickle(attack, 'bad.pth')).toThrow(FormatError);
      expect(() => readPickle(attack, 'bad.pth')).toThrow(`"${module}.${name}", which is not allowed`);
    }
  });

  it('refuses instructions it does not need, and pickles that end early', () => {
    for (const [opcode, name] of [
      ['i', 'INST (0x69)'],
      ['o', 'OBJ (0x6f)'],
      ['\x81', 'NEWOBJ (0x81)'],
      ['\x82', 'EXT1 (0x82)'],
      ['P', 'PERSID (0x50)'],
      ['\x93', 'STACK_GLOBAL (0x93)'],
      ['\xff', '0xff'],
    ] as const) {
      const read = () => readPickle(new Pickle().raw(`()${opcode}`).end(), 'x');
      expect(read).toThrow(FormatError);
      expect(read).toThrow(`it uses the pickle instruction ${name}, which is not allowed`);
    }
    const whole = stateDict({ a: tensor('0', 'FloatStorage', 0, [2], [1]) });
    for (let length = 0; length < whole.length; length++) {
      expect(() => readPickle(whole.subarray(0, length), 'x')).toThrow(FormatError);
    }
  });

  it('refuses tensors that reach beyond their storage, missing storages, compressed and truncated archives', () => {
    const with0 = (pickle: Uint8Array) => ({ 'm/data.pkl': pickle, 'm/data/0': floats(1, 2) });
    const one = (...args: [number, number[], number[]]) => stateDict({ a: tensor('0', 'FloatStorage', ...args) });
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
