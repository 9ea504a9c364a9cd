import { shown } from '@cipherformer/model/untrusted';

/** Refuses a file with a sentence that says what is wrong. */
export type Fail = (message: string) => never;

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

/** One of the names below, as "module attribute". */
interface NameReference {
  readonly kind: 'name';
  readonly name: string;
}

/** What a pickle is read as: plain data. Tuples are lists. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | StorageReference
  | TensorReference
  | NameReference;

/** What a call of a name makes. */
type Constructor = (args: readonly PickleValue[], fail: Fail) => PickleValue;

/** The only names that a pickle may use; those of storages stand for a type and cannot be called. */
const names = new Map<string, Constructor | undefined>([
  ['collections OrderedDict', () => new Map()],
  ['torch._utils _rebuild_parameter', ([value], fail) => value ?? fail('a parameter is malformed.')],
  ['torch._utils _rebuild_tensor_v2', tensor],
  ['torch FloatStorage', undefined],
  ['torch DoubleStorage', undefined],
  ['torch HalfStorage', undefined],
  ['torch BFloat16Storage', undefined],
  ['torch LongStorage', undefined],
  ['torch IntStorage', undefined],
  ['torch BoolStorage', undefined],
  ['torch ShortStorage', undefined],
  ['torch CharStorage', undefined],
  ['torch ByteStorage', undefined],
]);

/** A name that may be used. */
export function nameReference([module, attribute]: readonly [string, string], fail: Fail): NameReference {
  const name = `${module} ${attribute}`;
  if (!names.has(name)) fail(`it refers to ${shown(`${module}.${attribute}`)}, which is not allowed.`);
  return { kind: 'name', name };
}

/** The storage that a persistent id describes: ('storage', type, key, device, elements). */
export function storageReference(id: PickleValue, fail: Fail): StorageReference {
  const [kind, type, key] = Array.isArray(id) ? id : [];
  if (kind !== 'storage' || typeof key !== 'string' || !isName(type)) return fail('a storage reference is malformed.');
  return { kind: 'storage', type: type.name.split(' ')[1]!, key };
}

/** What calling `target` with these arguments describes; nothing is called but the constructors above. */
export function construct(target: PickleValue | undefined, args: PickleValue | undefined, fail: Fail): PickleValue {
  if (!isName(target)) return fail('something that is not a known constructor is called.');
  if (!Array.isArray(args)) return fail('a constructor is called with something that is not a tuple.');
  const make = names.get(target.name);
  return make ? make(args, fail) : fail(`${shown(target.name)} cannot be called.`);
}

function tensor([storage, offset, shape, stride]: readonly PickleValue[], fail: Fail): TensorReference {
  const numbers = (value: PickleValue | undefined): number[] =>
    Array.isArray(value) && value.every(isSize) ? value : fail('a tensor has a malformed shape or stride.');
  if (!isKind(storage, 'storage') || !isSize(offset)) return fail('a tensor is malformed.');
  return { kind: 'tensor', storage, offset, shape: numbers(shape), stride: numbers(stride) };
}

const isSize = (value: PickleValue | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

type Described = StorageReference | TensorReference | NameReference;

const isKind = <K extends Described['kind']>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<Described, { kind: K }> =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;

const isName = (value: PickleValue | undefined): value is NameReference => isKind(value, 'name');
