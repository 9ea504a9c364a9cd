import type { PolynomialGraph } from '@cipherformer/model';
import type { EncryptedProgram } from '@cipherformer/runtime';
import { type LayoutError, PlacementError } from '../errors.ts';
import { type Geometry, geometryOf } from '../packing/geometry.ts';
import { defaultMachine, type MachineModel } from '../plan/machine.ts';
import { type Compiled, groupCosts, isRefusal, programSeconds, skewChoices, unlessRefused } from './compile.ts';
import { emitProgram } from './emit.ts';
import { zeroEmptyRows } from './empty-rows.ts';
import { type Normalised, normalise } from './factors.ts';
import type { Lowered } from './groups.ts';
import { lowerModel } from './lower.ts';
import { modelOf } from './model.ts';
import { operations } from './operations.ts';
import { type Placement, placeBootstraps } from './placement.ts';
import { tokenModel } from './token-model.ts';

export interface GenerationOptions {
  /** Slots of a ciphertext. Default 2^15. */
  readonly slots?: number;
  /** The engine and computer to plan for. */
  readonly machine?: MachineModel;
  /** The level of what is kept. Default: the best one. */
  readonly keptLevel?: number;
}

/**
 * A language model as two programs that share a chain, a key set and what the server keeps: keys and values, before any skew, at
 * one level. Programs of one kind have the same instructions at the same levels: only public vectors differ.
 */
export interface CompiledGeneration {
  /** Most tokens of a prompt and what follows it. */
  readonly tokens: number;
  /** The program of a prompt that leaves room for one token. */
  readonly whole: Compiled;
  /** The prompt's logits at the row that the client chooses, and what is kept of its first `tokens` rows. */
  prefill(tokens: number): EncryptedProgram;
  /** The logits after one more token, at this position counted from 0. */
  step(position: number): EncryptedProgram;
  /** Of what is kept. */
  readonly keptLevel: number;
  /** Predicted processor seconds of a step. */
  readonly stepSeconds: number;
}

/** Steps that a choice of the kept level counts for each prefill. */
const usualSteps = 32;

/**
 * Compiles a causal language model for generation. The level of what is kept is the one that makes a prompt and 32 tokens
 * cheapest; of equal ones the lowest, which takes the least memory.
 * @throws ShapeError (package model), LayoutError or PlacementError, naming the part of the model
 * Cost: as `compile`, for each level.
 */
export function compileGeneration(graph: PolynomialGraph, options: GenerationOptions = {}): CompiledGeneration {
  const { slots = 2 ** 15, machine = defaultMachine(), keptLevel } = options;
  const model = modelOf(graph, operations);
  const geometry = geometryOf(slots, model.tokens);
  const whole = normalise(zeroEmptyRows(model, geometry));
  const last = model.tokens - 1;
  const step = planned(lowerToken(whole, geometry, last, machine), machine, slots);
  const prompts = skewChoices.map((stages) =>
    lowerModel(whole, geometry, stages, { period: machine.period, position: { kind: 'prompt', tokens: last } }),
  );
  const prefills = prompts.map((lowered) => planned(lowered, machine, slots));
  const levels = Array.from({ length: machine.bootstrapOutputLevel }, (_, i) => i + 1);
  let refusal: LayoutError | PlacementError | undefined;
  let best: Choice | undefined;
  for (const level of keptLevel === undefined ? levels : [keptLevel]) {
    const stepped = unlessRefused(() => step(level));
    if (isRefusal(stepped)) {
      refusal = stepped;
      continue;
    }
    for (const [k, prefill] of prefills.entries()) {
      const placed = unlessRefused(() => prefill(level));
      if (isRefusal(placed)) {
        refusal = placed;
        continue;
      }
      const seconds = placed.seconds + usualSteps * stepped.seconds;
      if (!best || seconds < best.seconds)
        best = { level, stages: skewChoices[k]!, prefill: placed, step: stepped, seconds };
    }
  }
  if (!best) throw refusal ?? new PlacementError('no level suits what is kept: use parameters with more levels');
  const { level, stages } = best;
  const program = (lowered: Lowered, placement: Placement) => emitProgram(lowered, placement, machine, slots, level);
  const prefill = (tokens: number) =>
    program(
      lowerModel(whole, geometry, stages, { period: machine.period, position: { kind: 'prompt', tokens } }),
      best.prefill,
    );
  const token = (position: number) => program(lowerToken(whole, geometry, position, machine), best.step);
  const prompt = prefill(last);
  return {
    tokens: model.tokens,
    whole: {
      program: prompt,
      batch: 1,
      lowered: prompts[skewChoices.indexOf(stages)]!,
      placement: { ...best.prefill, seconds: programSeconds(prompt, machine) },
      machine,
    },
    prefill,
    step: token,
    keptLevel: level,
    stepSeconds: programSeconds(token(last), machine),
  };
}

interface Choice {
  readonly level: number;
  readonly stages: (typeof skewChoices)[number];
  readonly prefill: Placement;
  readonly step: Placement;
  readonly seconds: number;
}

const lowerToken = (whole: Normalised, geometry: Geometry, position: number, { period }: MachineModel): Lowered =>
  lowerModel(
    tokenModel(whole, position),
    geometry,
    { keys: 1, values: 1 },
    { period, position: { kind: 'token', position } },
  );

/** Places bootstraps for any level of what is kept; costs of groups are found once. */
function planned(lowered: Lowered, machine: MachineModel, slots: number): (keptLevel: number) => Placement {
  const costs = groupCosts(lowered, machine, slots);
  return (keptLevel) => placeBootstraps(lowered, machine, costs, keptLevel);
}
