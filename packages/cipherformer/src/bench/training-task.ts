/** The task of the training benchmark: one GPT step (forward, backward, Adam) at a fixed size. */
export const trainingTask = {
  vocabulary: 256,
  tokens: 64,
  batch: 16,
  width: 128,
  heads: 4,
  layers: 2,
  mlpWidth: 512,
} as const;

/**
 * Floating-point operations of one step: 2 per multiply-add, backward counted as twice the forward pass. Counts the
 * matrix products only (QKV, output, MLP: 12 width^2 a token and layer; attention: 2 tokens * width a token and
 * layer; head: width * vocabulary a token), so the rates are lower bounds.
 */
export function trainingFlops(): number {
  const { vocabulary, tokens, batch, width, layers } = trainingTask;
  return 6 * batch * tokens * (layers * (12 * width ** 2 + 2 * tokens * width) + width * vocabulary);
}

export interface StepTiming {
  readonly stack: string;
  readonly threads: number;
  readonly steps: number;
  /** CPU time of the process per step, all threads. */
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly gflopPerCpuSecond: number;
  readonly gflopPerSecond: number;
  /** Loss before and after, to show that it trains. */
  readonly firstLoss: number;
  readonly lastLoss: number;
}

/** Runs `step` a few times to warm up, then measures `steps` of them. */
export async function timeSteps(
  stack: string,
  threads: number,
  steps: number,
  step: () => Promise<number>,
): Promise<StepTiming> {
  const firstLoss = await step();
  for (let i = 0; i < 4; i++) await step();
  const cpu = process.cpuUsage();
  const start = performance.now();
  let lastLoss = firstLoss;
  for (let i = 0; i < steps; i++) lastLoss = await step();
  const wallMs = (performance.now() - start) / steps;
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = (user + system) / 1000 / steps;
  const mega = trainingFlops() / 1e6;
  return {
    stack,
    threads,
    steps,
    cpuMs,
    wallMs,
    gflopPerCpuSecond: mega / cpuMs,
    gflopPerSecond: mega / wallMs,
    firstLoss,
    lastLoss,
  };
}

/** The same random token numbers for every stack. */
export function trainingTokens(): { readonly ids: Int32Array; readonly targets: Int32Array } {
  const { vocabulary, tokens, batch } = trainingTask;
  let state = 12345;
  const draw = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % vocabulary;
  };
  const count = batch * tokens;
  return { ids: Int32Array.from({ length: count }, draw), targets: Int32Array.from({ length: count }, draw) };
}
