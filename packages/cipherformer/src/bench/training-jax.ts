import { UsageError } from '@cipherformer/base';
import type { numpy } from '@jax-js/jax';
import { type StepTiming, timeSteps, trainingTask, trainingTokens } from './training-task.ts';

type Jax = typeof import('@jax-js/jax');
type NdArray = numpy.Array;
/** A type alias, not an interface: jax-js asks for that in its trees. */
type Tree = { [name: string]: NdArray };

/** @throws UsageError where it is not installed: only this comparison needs it. */
async function loadJax(): Promise<Jax> {
  try {
    return await import('@jax-js/jax');
  } catch (error) {
    throw new UsageError('the comparison with jax-js needs the package: npm install @jax-js/jax', { cause: error });
  }
}

/**
 * The benchmark's step written for @jax-js/jax (WebAssembly, jit): the same model, loss and Adam. jax-js counts
 * references: every use of an array but the last is `.ref`.
 */
export async function timeJax(steps: number): Promise<StepTiming> {
  const jax = await loadJax();
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  const { numpy: np, nn, jit, valueAndGrad } = jax;
  const { vocabulary, tokens, batch, width, heads, layers, mlpWidth } = trainingTask;
  const rows = batch * tokens;
  const headWidth = width / heads;

  const shapes: Record<string, number[]> = {
    table: [vocabulary, width],
    positions: [tokens, width],
    normGain: [width],
    normBias: [width],
    head: [width, vocabulary],
  };
  for (let i = 0; i < layers; i++) {
    Object.assign(shapes, {
      [`${i}.gain1`]: [width],
      [`${i}.bias1`]: [width],
      [`${i}.qkv`]: [width, 3 * width],
      [`${i}.qkvBias`]: [3 * width],
      [`${i}.out`]: [width, width],
      [`${i}.outBias`]: [width],
      [`${i}.gain2`]: [width],
      [`${i}.bias2`]: [width],
      [`${i}.up`]: [width, mlpWidth],
      [`${i}.upBias`]: [mlpWidth],
      [`${i}.down`]: [mlpWidth, width],
      [`${i}.downBias`]: [width],
    });
  }
  let state = 1;
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const make = (value: (name: string) => number): Tree =>
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return [name, np.array(Float32Array.from({ length: count }, () => value(name))).reshape(shape)];
      }),
    );
  const isGain = (name: string) => /gain/i.test(name);
  const isBias = (name: string) => /bias/i.test(name);
  let parameters = make((name) => (isGain(name) ? 1 : isBias(name) ? 0 : 0.2 * draw()));
  let moment1 = make(() => 0);
  let moment2 = make(() => 0);

  const layerNorm = (x: NdArray, gain: NdArray, bias: NdArray): NdArray => {
    const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
    return centred
      .mul(np.reciprocal(np.sqrt(variance.add(1e-5))))
      .mul(gain)
      .add(bias);
  };
  const causal = np.triu(np.ones([tokens, tokens]), 1).mul(-1e9);

  const loss = (p: Tree, x: NdArray, y: NdArray, mask: NdArray): NdArray => {
    let h = np.matmul(x, p.table!).reshape([batch, tokens, width]).add(p.positions!).reshape([rows, width]);
    for (let i = 0; i < layers; i++) {
      const part = (name: string) => p[`${i}.${name}`]!;
      const qkv = np.matmul(layerNorm(h.ref, part('gain1'), part('bias1')), part('qkv')).add(part('qkvBias'));
      const [q, k, v] = np
        .split(qkv, 3, -1)
        .map((t) => t.reshape([batch, tokens, heads, headWidth]).transpose([0, 2, 1, 3]));
      const scores = np.matmul(q!, k!.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(headWidth));
      const weights = nn.softmax(scores.add(mask.ref), -1);
      const mixed = np.matmul(weights, v!).transpose([0, 2, 1, 3]).reshape([rows, width]);
      h = h.add(np.matmul(mixed, part('out')).add(part('outBias')));
      const up = nn.gelu(np.matmul(layerNorm(h.ref, part('gain2'), part('bias2')), part('up')).add(part('upBias')));
      h = h.add(np.matmul(up, part('down')).add(part('downBias')));
    }
    mask.dispose();
    const logits = np.matmul(layerNorm(h, p.normGain!, p.normBias!), p.head!);
    return nn
      .logSoftmax(logits, -1)
      .mul(y)
      .sum()
      .mul(-1 / rows);
  };

  const update = jit((p: Tree, m: Tree, v: Tree, x: NdArray, y: NdArray, mask: NdArray) => {
    const [value, slopes] = valueAndGrad(loss)(jax.tree.ref(p), x, y, mask) as unknown as [NdArray, Tree];
    const next: [Tree, Tree, Tree] = [{}, {}, {}];
    for (const name of Object.keys(shapes)) {
      const g = slopes[name]!;
      const first = m[name]!.mul(0.9).add(g.ref.mul(0.1));
      const second = v[name]!.mul(0.99).add(np.square(g).mul(0.01));
      next[0][name] = p[name]!.sub(first.ref.div(np.sqrt(second.ref).add(1e-8)).mul(1e-3));
      next[1][name] = first;
      next[2][name] = second;
    }
    return [value, ...next] as [NdArray, Tree, Tree, Tree];
  });

  const { ids, targets } = trainingTokens();
  const oneHot = (numbers: Int32Array) => nn.oneHot(np.array(numbers, { dtype: np.int32 }), vocabulary);
  const x = oneHot(ids);
  const y = oneHot(targets);
  return timeSteps('@jax-js/jax (wasm, jit)', 1, steps, async () => {
    const [value, p, m, v] = update(parameters, moment1, moment2, x.ref, y.ref, causal.ref);
    parameters = p;
    moment1 = m;
    moment2 = v;
    await jax.blockUntilReady(jax.tree.ref(parameters));
    return Number((await value.data())[0]);
  });
}
