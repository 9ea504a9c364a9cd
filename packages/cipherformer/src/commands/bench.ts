import type { Command } from 'commander';
import { registerBenchCkks } from './bench-ckks.ts';
import { registerBenchCosts } from './bench-costs.ts';
import { registerBenchKernels } from './bench-kernels.ts';
import { registerBenchLayer } from './bench-layer.ts';
import { registerBenchModels } from './bench-models.ts';
import { registerBenchPlans } from './bench-plans.ts';
import { registerBenchService } from './bench-service.ts';
import { registerBenchTrain } from './bench-train.ts';

/** `cipherformer bench <what>`: measurements, each a file bench-*.ts in this folder. */
export function registerBench(program: Command): void {
  const bench = program.command('bench').description('Measure this machine: tables for people, --json for tools');
  registerBenchKernels(bench);
  registerBenchCkks(bench);
  registerBenchCosts(bench);
  registerBenchLayer(bench);
  registerBenchModels(bench);
  registerBenchPlans(bench);
  registerBenchService(bench);
  registerBenchTrain(bench);
}
