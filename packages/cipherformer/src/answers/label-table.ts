import type { AnswerKind } from '@cipherformer/model';
import type { Label } from '../door/answer.ts';
import { type Cell, renderTable } from '../terminal/table.ts';

/**
 * Labels for a person, with what their numbers are called: those of labels that may hold together are each by itself, those of a
 * regression are what was asked for.
 * @param logits beside the labels, where they are shown
 */
export function labelTable(
  labels: readonly Label[],
  kind: AnswerKind,
  title: string,
  logits?: readonly number[],
): string {
  const scored = labels.some(({ score }) => score !== undefined);
  const head = [
    ...(kind === 'token-classes' ? ['token'] : []),
    title,
    ...(scored ? [kind === 'numbers' ? 'value' : kind === 'labels' ? 'holds by' : 'score'] : []),
    ...(logits ? ['logit'] : []),
  ];
  const rows = labels.map(({ label, token, score }, i): Cell[] => [
    ...(kind === 'token-classes' ? [token ?? `${i + 1}`] : []),
    label,
    ...(scored ? [rounded(score!)] : []),
    ...(logits ? [rounded(logits[i]!)] : []),
  ]);
  return renderTable(head, rows);
}

/** A score, a logit or an entry of an embedding as a person reads it. */
export const rounded = (value: number): number => Number(value.toFixed(4));
