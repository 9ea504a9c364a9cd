import { isPowerOfTwo } from '@cipherformer/base';
import { BootstrapPlan, keyPlanDigest, ParameterError, type Parameters } from '@cipherformer/ckks';
import { FileError } from '../errors.ts';
import { checkSpecs, countKeys } from '../keys/key-list.ts';
import { CanonicalScales } from '../program/scales.ts';
import { keySpecsOf, mapOf, type ProgramManifest, stepManifest } from './manifest-schema.ts';

/** A scale that differs by less than this share is the canonical one, rounded elsewhere. */
const scaleTolerance = 1e-9;

/**
 * Whether a manifest, whoever wrote it, asks for nothing that a client must not do: keys that give the secret away, values
 * at another scale or place than the compiler puts them, an answer without its range check. What it states and can be
 * computed is compared. Cost: linear in the numbers of its slot maps.
 * @param parameters the manifest's, accepted
 * @param where for messages: the file
 * @throws FileError that says which field, which value and what is allowed
 */
export function checkManifest(manifest: ProgramManifest, parameters: Parameters, where: string): void {
  try {
    const { slots, batch } = manifest;
    if (!isPowerOfTwo(slots) || slots > parameters.maxSlots)
      throw new FileError(`slots is ${slots}, a power of two up to ${parameters.maxSlots} is allowed`);
    if (!isPowerOfTwo(batch) || batch > slots)
      throw new FileError(`batch is ${batch}, a power of two up to the ${slots} slots is allowed`);
    const plan = new BootstrapPlan(parameters);
    checkKeys(manifest, plan);
    for (const part of manifest.generation ? [manifest, stepManifest(manifest)] : [manifest]) {
      checkLimits(part, parameters);
      checkScales(part, plan);
      checkInputs(part, plan, batch, outputOwners(part, slots, batch));
    }
    if (manifest.generation && batch !== 1)
      throw new FileError(`batch is ${batch}: a program that generates answers one prompt at a time`);
  } catch (error) {
    if (!(error instanceof FileError || error instanceof ParameterError)) throw error;
    throw new FileError(`do not use ${where}: ${error.message}`, { cause: error });
  }
}

/** Every key may exist, once, and names and sizes are those of the list. */
function checkKeys(manifest: ProgramManifest, { parameters }: BootstrapPlan): void {
  const { keys } = manifest;
  const specs = keySpecsOf(manifest);
  checkSpecs(parameters, specs, 'keys.list');
  const plan = keyPlanDigest(parameters, specs);
  if (keys.plan !== plan)
    throw new FileError(`keys.plan says ${keys.plan.slice(0, 12)}, the listed keys are plan ${plan.slice(0, 12)}`);
  const sizes = countKeys(parameters, specs);
  for (const name of ['keyBytes', 'wireBytes'] as const)
    if (keys[name] !== sizes[name])
      throw new FileError(`keys.${name} says ${keys[name]}, the listed keys take ${sizes[name]} bytes`);
}

/** A limit can be exceeded by what a client decrypts at the output's level: otherwise it would check nothing. */
function checkLimits({ outputs }: ProgramManifest, parameters: Parameters): void {
  for (const [i, { limit, factor, level, scale }] of outputs.entries()) {
    if (level > parameters.maxLevel)
      throw new FileError(`outputs[${i}].level is ${level}, levels up to ${parameters.maxLevel} exist`);
    const largest = (2 ** (parameters.logQ(level) - 1) / scale) * Math.abs(factor);
    if (!(limit < largest))
      throw new FileError(
        `outputs[${i}].limit is ${limit}, no value decrypted at level ${level} reaches ${largest}: it would check nothing`,
      );
  }
}

/** Results come at the scale of a level: a client holds each against it. */
function checkScales({ outputs }: ProgramManifest, { parameters, outputLevel }: BootstrapPlan): void {
  const scales = new CanonicalScales(parameters, outputLevel);
  const canonical = Array.from({ length: outputLevel + 1 }, (_, level) => scales.at(level));
  for (const [i, { scale }] of outputs.entries())
    if (!canonical.some((expected) => Math.abs(scale / expected - 1) <= scaleTolerance))
      throw new FileError(`outputs[${i}].scale is ${scale}, which values have at no level of these parameters`);
}

/**
 * The example that each slot belongs to, as the range check divides them; undefined without one.
 * @throws FileError for outputs that a client cannot read, or must not trust
 */
function outputOwners(manifest: ProgramManifest, slots: number, batch: number): Int32Array | undefined {
  const { outputs, keys, model } = manifest;
  let owners: Int32Array | undefined;
  const logits: Int32Array[] = [];
  for (const [i, { name, slots: runs, period }] of outputs.entries()) {
    const map = slotMap(runs, slots, `outputs[${i}].slots`, slots - 1);
    if (map.length === 0 || map.length % batch !== 0)
      throw new FileError(`outputs[${i}].slots has ${map.length} numbers, which ${batch} examples cannot share`);
    if (period !== undefined && (slots % period !== 0 || map.some((slot) => slot >= period)))
      throw new FileError(
        `outputs[${i}].period is ${period}: it has to divide the ${slots} slots, and be above those that are read`,
      );
    if (new Set(map).size !== map.length) throw new FileError(`outputs[${i}].slots reads a slot twice`);
    if (name === 'logits') logits.push(map);
    else owners = ownersOf(map, slots, batch, `outputs[${i}].slots`, owners);
  }
  const count = logits.reduce((sum, { length }) => sum + length, 0) / batch;
  if (count === 0) throw new FileError('outputs has no logits: there would be no answer');
  const rows = model.task === 'token-classification' ? model.tokens : 1;
  if (count % rows !== 0) throw new FileError(`an answer has ${count} logits, which ${rows} tokens cannot share`);
  if (model.classes && model.classes.length * rows !== count)
    throw new FileError(
      `model.classes names ${model.classes.length} classes${rows > 1 ? ` for each of ${rows} tokens` : ''}, an answer has ${count} logits`,
    );
  if (model.documents !== undefined && (model.classes || model.documents !== count))
    throw new FileError(
      `model.documents is ${model.documents}, an answer has ${count} logits${model.classes ? ' with names of classes' : ''}`,
    );
  if (owners === undefined && keys.list.some(([role]) => role !== 'galois'))
    throw new FileError(
      'outputs has no sentinel, and the program multiplies: nothing would tell an answer from a value that left its range; ' +
        'only a program without keys for bootstraps and products needs none',
    );
  if (owners)
    for (const map of logits)
      if (map.some((slot, k) => owners[slot] !== Math.floor((k * batch) / map.length)))
        throw new FileError('logits of one example lie where the sentinel checks another one');
  return owners;
}

/** A sentinel reads every slot once, the same ones for an example as the other sentinels. */
function ownersOf(map: Int32Array, slots: number, batch: number, where: string, others: Int32Array | undefined) {
  const owners = new Int32Array(slots).fill(-1);
  for (const [k, slot] of map.entries()) owners[slot] = Math.floor((k * batch) / map.length);
  if (map.length !== slots || owners.includes(-1))
    throw new FileError(
      `${where} of the sentinel does not read each of the ${slots} slots once: values could hide there`,
    );
  if (others?.some((example, slot) => example !== owners[slot]))
    throw new FileError(`${where} of the sentinel gives slots to other examples than the sentinel before it`);
  return owners;
}

/** Where and how a client encrypts its numbers: at the scale of the level, each example's in slots of its own. */
function checkInputs(manifest: ProgramManifest, plan: BootstrapPlan, batch: number, owners: Int32Array | undefined) {
  const { inputs, slots } = manifest;
  const { parameters, outputLevel } = plan;
  const scales = new CanonicalScales(parameters, outputLevel);
  const maps = inputs.map(({ level, scale, source }, i) => {
    const where = `inputs[${i}]`;
    if (level > outputLevel)
      throw new FileError(`${where}.level is ${level}, levels up to ${outputLevel} are allowed for these parameters`);
    const expected = scales.at(level);
    if (!(Math.abs(scale / expected - 1) <= scaleTolerance))
      throw new FileError(`${where}.scale is ${scale}, values at level ${level} have the scale ${expected}`);
    const map = slotMap(source, slots, `${where}.source`, inputs.length * slots - 1, -1);
    if (map.length !== slots) throw new FileError(`${where}.source fills ${map.length} of ${slots} slots`);
    return map;
  });
  for (const name of new Set(inputs.map((input) => input.name))) {
    const own = maps.filter((_, i) => inputs[i]!.name === name);
    const count = own.reduce((most, map) => map.reduce((larger, index) => Math.max(larger, index + 1), most), 0);
    if (count === 0 || count % batch !== 0)
      throw new FileError(`inputs named ${name} take ${count} numbers, which ${batch} examples cannot share`);
    const foreign = (index: number, slot: number) =>
      index >= 0 && owners![slot] !== Math.floor((index * batch) / count);
    if (owners && own.some((map) => map.some(foreign)))
      throw new FileError(`inputs named ${name} put numbers of one example where the sentinel checks another one`);
  }
}

/** A slot map with numbers from `low` to `high` only. */
function slotMap(runs: readonly number[], slots: number, where: string, high: number, low = 0): Int32Array {
  const map = mapOf(runs, slots, where);
  const wrong = map.find((value) => value < low || value > high);
  if (wrong !== undefined) throw new FileError(`${where} has the number ${wrong}, from ${low} to ${high} are allowed`);
  return map;
}
