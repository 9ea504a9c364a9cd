import { decodeUtf8 } from '@cipherformer/model/untrusted';
import { PickleMachine } from './pickle-machine.ts';
import { construct, nameReference, type PickleValue, storageReference } from './pickle-values.ts';

/** One instruction of a pickle. Names and arguments are those of CPython's Lib/pickletools.py, which explains them. */
interface Opcode {
  readonly code: string;
  /** Reads the instruction's argument and does what it says. */
  run(machine: PickleMachine): void;
}

/** What follows an instruction in the file. */
type Argument<A> = (machine: PickleMachine) => A;
/** What it does to the stack and the memo. */
type Effect<A> = (machine: PickleMachine, argument: A) => void;

const none: Argument<void> = () => {};
const uint1: Argument<number> = (m) => m.view.getUint8(m.take(1));
const uint2: Argument<number> = (m) => m.view.getUint16(m.take(2), true);
const int4: Argument<number> = (m) => m.view.getInt32(m.take(4), true);
const uint4: Argument<number> = (m) => m.view.getUint32(m.take(4), true);
const float8: Argument<number> = (m) => m.view.getFloat64(m.take(8), false);
const unicodestring4: Argument<string> = (m) => text(m, uint4(m));
const stringnl: Argument<string> = (m) => text(m, m.lineLength()).slice(0, -1);
const stringnlPair: Argument<[string, string]> = (m) => [stringnl(m), stringnl(m)];

/** A whole number in two's complement, the low byte first. */
const long1: Argument<number> = (m) => {
  const length = uint1(m);
  m.within('integerBytes', length);
  const start = m.take(length);
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + m.bytes[start + i]!;
  return length > 0 && m.bytes[start + length - 1]! & 0x80 ? value - 256 ** length : value;
};

function text(machine: PickleMachine, length: number): string {
  const start = machine.take(length);
  try {
    return decodeUtf8(machine.bytes.subarray(start, start + length));
  } catch {
    return machine.fail('a name is not UTF-8 text.');
  }
}

/** Pushes the argument itself. */
const push: Effect<PickleValue> = (m, value) => m.push(value);

/** The top `count` values, the lowest first. */
function popped(machine: PickleMachine, count: number): PickleValue[] {
  return Array.from({ length: count }, () => machine.pop()).reverse();
}

const op = <A>(code: string, argument: Argument<A>, effect: Effect<A>): Opcode => ({
  code,
  run: (machine) => effect(machine, argument(machine)),
});

/** The instructions that are followed, by name. */
const opcodes: Readonly<Record<string, Opcode>> = {
  // Numbers, text and constants.
  BININT: op('J', int4, push),
  BININT1: op('K', uint1, push),
  BININT2: op('M', uint2, push),
  LONG1: op('\x8a', long1, push),
  BINFLOAT: op('G', float8, push),
  BINUNICODE: op('X', unicodestring4, push),
  NONE: op('N', none, (m) => m.push(null)),
  NEWTRUE: op('\x88', none, (m) => m.push(true)),
  NEWFALSE: op('\x89', none, (m) => m.push(false)),
  // Lists.
  EMPTY_LIST: op(']', none, (m) => m.push([])),
  APPEND: op('a', none, (m) => m.append([m.pop()])),
  APPENDS: op('e', none, (m) => m.append(m.popToMark())),
  // Tuples.
  EMPTY_TUPLE: op(')', none, (m) => m.push([])),
  TUPLE1: op('\x85', none, (m) => m.push(popped(m, 1))),
  TUPLE2: op('\x86', none, (m) => m.push(popped(m, 2))),
  TUPLE3: op('\x87', none, (m) => m.push(popped(m, 3))),
  TUPLE: op('t', none, (m) => m.push(m.popToMark())),
  // Dictionaries.
  EMPTY_DICT: op('}', none, (m) => m.push(new Map())),
  SETITEM: op('s', none, (m) => m.setItems(popped(m, 2))),
  SETITEMS: op('u', none, (m) => m.setItems(m.popToMark())),
  // The stack and the memo.
  MARK: op('(', none, (m) => m.mark()),
  BINPUT: op('q', uint1, (m, key) => m.memorise(key)),
  LONG_BINPUT: op('r', uint4, (m, key) => m.memorise(key)),
  BINGET: op('h', uint1, (m, key) => m.recall(key)),
  LONG_BINGET: op('j', uint4, (m, key) => m.recall(key)),
  // Names and what is made of them.
  GLOBAL: op('c', stringnlPair, (m, name) => m.push(nameReference(name, m.fail))),
  BINPERSID: op('Q', none, (m) => m.push(storageReference(m.pop(), m.fail))),
  REDUCE: op('R', none, (m) => {
    const [target, args] = popped(m, 2);
    m.push(construct(target, args, m.fail));
  }),
  // State of an OrderedDict (its _metadata), of no use here.
  BUILD: op('b', none, (m) => void m.pop()),
  // The file.
  PROTO: op('\x80', uint1, (m, protocol) => m.within('protocol', protocol)),
  STOP: op('.', none, (m) => {
    m.result = m.pop();
  }),
};

/** The code of those that are refused: they make objects, call what a file names, or are not written by protocol 2. */
const refused: Readonly<Record<string, string>> = {
  INT: 'I', LONG: 'L', LONG4: '\x8b', FLOAT: 'F',
  STRING: 'S', BINSTRING: 'T', SHORT_BINSTRING: 'U', UNICODE: 'V', SHORT_BINUNICODE: '\x8c', BINUNICODE8: '\x8d',
  BINBYTES: 'B', SHORT_BINBYTES: 'C', BINBYTES8: '\x8e', BYTEARRAY8: '\x96', NEXT_BUFFER: '\x97', READONLY_BUFFER: '\x98',
  LIST: 'l', DICT: 'd', EMPTY_SET: '\x8f', ADDITEMS: '\x90', FROZENSET: '\x91',
  POP: '0', POP_MARK: '1', DUP: '2', PUT: 'p', GET: 'g', MEMOIZE: '\x94', FRAME: '\x95',
  EXT1: '\x82', EXT2: '\x83', EXT4: '\x84', PERSID: 'P', STACK_GLOBAL: '\x93',
  INST: 'i', OBJ: 'o', NEWOBJ: '\x81', NEWOBJ_EX: '\x92',
}; // biome-ignore format: groups as above

const byCode = new Map(Object.values(opcodes).map((opcode) => [opcode.code, opcode]));

/**
 * Reads one pickle, of the small part of Python's pickle (protocol 2) that PyTorch state dictionaries use. It builds plain
 * data and executes nothing: the only names it accepts are those of pickle-values.ts, each turned into a description,
 * and any other name or instruction is an error.
 * @param where names the file for messages
 * @throws FormatError
 */
export function readPickle(bytes: Uint8Array, where: string): PickleValue {
  const machine = new PickleMachine(bytes, where);
  while (machine.result === undefined) {
    const code = String.fromCharCode(machine.next());
    const opcode =
      byCode.get(code) ?? machine.fail(`it uses the pickle instruction ${nameOf(code)}, which is not allowed.`);
    opcode.run(machine);
  }
  return machine.result;
}

/** "NEWOBJ (0x81)", or the number alone of what is no instruction at all. */
function nameOf(code: string): string {
  const number = `0x${code.charCodeAt(0).toString(16)}`;
  const known = Object.entries(refused).find(([, one]) => one === code);
  return known ? `${known[0]} (${number})` : number;
}
