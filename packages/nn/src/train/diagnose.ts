import type { Program, Tensor } from '../onnx/program.ts';
import { type Feeds, Session } from '../onnx/session.ts';

/** How many tensors are looked at in one run: each is held in memory. */
const chunk = 64;

/**
 * The name of the first float tensor, in the order of evaluation, with a value that is not finite; undefined if all
 * are. Runs the program without optimisations, a part at a time, so it is slow and meant for after a failure.
 */
export async function firstNonFinite(program: Program, feeds: Feeds): Promise<string | undefined> {
  for (const tensor of program.inputs) {
    const data = feeds[tensor.name];
    if (data instanceof Float32Array && !data.every(Number.isFinite)) return tensor.name;
  }
  const tensors = program.operations
    .flatMap((operation) => operation.outputs)
    .map((name) => program.tensors.get(name)!)
    .filter((tensor) => tensor.type === 'float32');
  for (let start = 0; start < tensors.length; start += chunk) {
    const found = await firstIn(program, feeds, tensors.slice(start, start + chunk));
    if (found) return found;
  }
  return undefined;
}

async function firstIn(program: Program, feeds: Feeds, tensors: readonly Tensor[]): Promise<string | undefined> {
  const outputs = Object.fromEntries(tensors.map((tensor, i) => [`look.${i}`, tensor]));
  const session = await Session.compile(program, outputs, { optimise: false });
  try {
    const results = await session.run(feeds);
    return tensors.find((_, i) => !(results[`look.${i}`] as Float32Array).every(Number.isFinite))?.name;
  } finally {
    await session.close();
  }
}
