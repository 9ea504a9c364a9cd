import { gptConfig, initialWeights, type ModelConfig, TrainingStep, taskLoss } from '@cipherformer/nn';
import { type StepTiming, timeSteps, trainingTask, trainingTokens } from './training-task.ts';

/** The benchmark's step on this package: one ONNX graph on ONNX Runtime. */
export async function timeOnnx(
  steps: number,
  threads: number,
  label: string,
  change?: (config: ModelConfig) => ModelConfig,
): Promise<StepTiming> {
  const { tokens, batch, ...sizes } = trainingTask;
  const plain = gptConfig({ ...sizes, maxTokens: tokens, tied: false });
  const config = change ? change(plain) : plain;
  const step = await TrainingStep.create(
    {
      config,
      batch,
      losses: taskLoss(config),
      optimiser: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 },
      seed: 1,
      threads,
    },
    initialWeights(config, 1),
  );
  const data = trainingTokens();
  const feeds = { ids: BigInt64Array.from(data.ids, BigInt), targets: BigInt64Array.from(data.targets, BigInt) };
  try {
    return await timeSteps(label, threads, steps, async () => (await step.run(feeds, 1e-3)).loss);
  } finally {
    await step.close();
  }
}

/** Resident memory before and after 1,000 steps of the task, after 100 to settle, in MiB. */
export async function memoryOver1000Steps(): Promise<{ readonly beforeMiB: number; readonly afterMiB: number }> {
  const { tokens, batch, ...sizes } = trainingTask;
  const config = gptConfig({ ...sizes, maxTokens: tokens, tied: false });
  const optimiser = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 };
  const step = await TrainingStep.create(
    { config, batch, losses: taskLoss(config), optimiser, seed: 1 },
    initialWeights(config, 1),
  );
  const data = trainingTokens();
  const feeds = { ids: BigInt64Array.from(data.ids, BigInt), targets: BigInt64Array.from(data.targets, BigInt) };
  const resident = () => process.memoryUsage().rss / 2 ** 20;
  try {
    for (let i = 0; i < 100; i++) await step.run(feeds, 1e-3);
    const beforeMiB = resident();
    for (let i = 0; i < 1000; i++) await step.run(feeds, 1e-3);
    return { beforeMiB, afterMiB: resident() };
  } finally {
    await step.close();
  }
}
