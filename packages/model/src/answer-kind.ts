import type { Problem, Task } from './inputs/preprocess.ts';

/** What a model answers with: one class of several, the next token, a class for every token, any of several labels, numbers, an embedding. */
export type AnswerKind = 'class' | 'next-token' | 'token-classes' | 'labels' | 'numbers' | 'embedding';

/** What the outputs of a model for this task are. */
export function answerKindOf(task: Task | 'image-embedding', problem?: Problem): AnswerKind {
  if (task === 'language-model') return 'next-token';
  if (task === 'token-classification') return 'token-classes';
  if (task === 'text-embedding' || task === 'image-embedding') return 'embedding';
  return problem === undefined ? 'class' : problem === 'regression' ? 'numbers' : 'labels';
}
