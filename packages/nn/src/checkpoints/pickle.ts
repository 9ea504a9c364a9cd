import { FormatError } from '@cipherformer/model';
import { decodeUtf8, shown } from '@cipherformer/model/untrusted';

/**
 * A reader for the small part of Python's pickle (protocol 2) that PyTorch state dictionaries use. It builds plain
 * data and executes nothing: the only names it accepts are the ones below, each turned into a description, and any
 * other name or instruction is an error. Source: the comments of CPython's Lib/pickletools.py.
 */
export interface StorageReference {
  readonly kind: 'storage';
  readonly type: string;
  readonly key: string;
}

export interface TensorReference {
  readonly kind: 'tensor';
  readonly storage: StorageReference;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | StorageReference
  | TensorReference
  | { readonly kind: 'name'; readonly name: string };

const storageTypes = new Set([
  'FloatStorage',
  'DoubleStorage',
  'HalfStorage',
  'BFloat16Storage',
  'LongStorage',
  'IntStorage',
  'BoolStorage',
]);
const constructors = new Set([
  'collections OrderedDict',
  'torch._utils _rebuild_tensor_v2',
  'torch._utils _rebuild_parameter',
]);

/** More values than a state dictionary of a hundred thousand tensors has: each takes memory, and one byte in the file. */
const maxValues = 2 ** 22;

/** Reads one pickle. `where` names the file for messages. @throws FormatError */
export function readPickle(bytes: Uint8Array, where: string): PickleValue {
  const fail = (message: string): never => {
    throw new FormatError(`${where}: ${message} Only plain PyTorch state dictionaries are read; nothing is executed.`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  let stack: PickleValue[] = [];
  let values = 0;
  const marks: PickleValue[][] = [];
  const memo = new Map<number, PickleValue>();
  const need = (count: number) => {
    if (position + count > bytes.length) fail('the pickle ends early.');
    position += count;
    return position - count;
  };
  const u8 = () => view.getUint8(need(1));
  const u16 = () => view.getUint16(need(2), true);
  const i32 = () => view.getInt32(need(4), true);
  const u32 = () => view.getUint32(need(4), true);
  const text = (length: number) => {
    const start = need(length);
    try {
      return decodeUtf8(bytes.subarray(start, start + length));
    } catch {
      return fail('a name is not UTF-8 text.');
    }
  };
  const line = () => {
    const end = bytes.indexOf(10, position);
    if (end < 0) fail('the pickle ends early.');
    return text(end + 1 - position).slice(0, -1);
  };
  const pop = (): PickleValue => (stack.length > 0 ? stack.pop()! : fail('the stack is empty.'));
  const toMark = (): PickleValue[] => {
    const items = stack;
    stack = marks.pop() ?? fail('a mark is missing.');
    return items;
  };
  const dictionary = (value: PickleValue | undefined): Map<PickleValue, PickleValue> =>
    value instanceof Map ? value : fail('an item is set on something that is not a dictionary.');
  const list = (value: PickleValue | undefined): PickleValue[] =>
    Array.isArray(value) ? value : fail('an item is added to something that is not a list.');
  const put = (key: number) => memo.set(key, stack.length > 0 ? stack.at(-1)! : fail('the stack is empty.'));
  const get = (key: number) => stack.push(memo.has(key) ? memo.get(key)! : fail('a memo is missing.'));
  const setItems = (items: readonly PickleValue[]) => {
    const target = dictionary(stack.at(-1));
    for (let i = 0; i + 1 < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
  };

  for (;;) {
    if (++values > maxValues) fail(`it makes more than ${maxValues} values.`);
    const opcode = String.fromCharCode(u8());
    switch (opcode) {
      case '\x80':
        if (u8() > 5) fail('its protocol is newer than 5.');
        break;
      case '}':
        stack.push(new Map());
        break;
      case ']':
      case ')':
        stack.push([]);
        break;
      case '(':
        marks.push(stack);
        stack = [];
        break;
      case 'X':
        stack.push(text(u32()));
        break;
      case 'K':
        stack.push(u8());
        break;
      case 'M':
        stack.push(u16());
        break;
      case 'J':
        stack.push(i32());
        break;
      case '\x8a': {
        const length = u8();
        if (length > 6) fail('an integer is longer than 48 bits.');
        const start = need(length);
        let value = 0;
        for (let i = length - 1; i >= 0; i--) value = value * 256 + bytes[start + i]!;
        if (length > 0 && bytes[start + length - 1]! & 0x80) value -= 256 ** length;
        stack.push(value);
        break;
      }
      case 'G':
        stack.push(view.getFloat64(need(8), false));
        break;
      case '\x88':
        stack.push(true);
        break;
      case '\x89':
        stack.push(false);
        break;
      case 'N':
        stack.push(null);
        break;
      case 'q':
        put(u8());
        break;
      case 'r':
        put(u32());
        break;
      case 'h':
        get(u8());
        break;
      case 'j':
        get(u32());
        break;
      case 't': {
        const items = toMark();
        stack.push(items);
        break;
      }
      case '\x85':
        stack.push([pop()]);
        break;
      case '\x86': {
        const b = pop();
        stack.push([pop(), b]);
        break;
      }
      case '\x87': {
        const c = pop();
        const b = pop();
        stack.push([pop(), b, c]);
        break;
      }
      case 's': {
        const value = pop();
        const key = pop();
        setItems([key, value]);
        break;
      }
      case 'u': {
        const items = toMark();
        setItems(items);
        break;
      }
      case 'a': {
        const item = pop();
        list(stack.at(-1)).push(item);
        break;
      }
      case 'e': {
        const items = toMark();
        const target = list(stack.at(-1));
        for (const item of items) target.push(item);
        break;
      }
      case 'c': {
        const name = `${line()} ${line()}`;
        const [module, attribute] = name.split(' ');
        if (!constructors.has(name) && !(module === 'torch' && storageTypes.has(attribute!))) {
          fail(`it refers to ${shown(name.replace(' ', '.'))}, which is not allowed.`);
        }
        stack.push({ kind: 'name', name });
        break;
      }
      case 'Q':
        stack.push(storage(pop(), fail));
        break;
      case 'R': {
        const args = list(pop());
        stack.push(construct(pop(), args, fail));
        break;
      }
      case 'b':
        // State of an OrderedDict (its _metadata): of no use here.
        pop();
        break;
      case '.':
        return pop();
      default:
        fail(`it uses the pickle instruction 0x${opcode.charCodeAt(0).toString(16)}, which is not allowed.`);
    }
  }
}

type Fail = (message: string) => never;

function storage(id: PickleValue, fail: Fail): StorageReference {
  const [kind, type, key] = Array.isArray(id) ? id : [];
  if (kind !== 'storage' || typeof key !== 'string' || typeof type !== 'object' || type === null || !('kind' in type)) {
    return fail('a storage reference is malformed.');
  }
  if (type.kind !== 'name') return fail('a storage reference is malformed.');
  return { kind: 'storage', type: type.name.split(' ')[1]!, key };
}

function construct(target: PickleValue, args: readonly PickleValue[], fail: Fail): PickleValue {
  if (typeof target !== 'object' || target === null || !('kind' in target) || target.kind !== 'name') {
    return fail('something that is not a known constructor is called.');
  }
  switch (target.name) {
    case 'collections OrderedDict':
      return new Map();
    case 'torch._utils _rebuild_parameter':
      return args[0] ?? fail('a parameter is malformed.');
    case 'torch._utils _rebuild_tensor_v2': {
      const [source, offset, shape, stride] = args;
      const whole = (value: PickleValue | undefined): value is number =>
        Number.isSafeInteger(value) && (value as number) >= 0;
      const numbers = (value: PickleValue | undefined): number[] =>
        Array.isArray(value) && value.every(whole) ? value : fail('a tensor has a malformed shape or stride.');
      const reference = source as StorageReference | null | undefined;
      if (reference?.kind !== 'storage' || !whole(offset)) return fail('a tensor is malformed.');
      return { kind: 'tensor', storage: reference, offset, shape: numbers(shape), stride: numbers(stride) };
    }
    default:
      return fail(`${shown(target.name)} cannot be called.`);
  }
}
