import { type PrivateAnswer, ShareError } from '@cipherformer/runtime/client';
import { renderTable } from '../terminal/table.ts';

/** What of answers the key's owner asked to see. */
export interface AnswerView {
  /** Logits and scores, not the label alone. */
  readonly reveal: boolean;
  /** Those of inputs out of range too. */
  readonly force: boolean;
  /** Most labels of an answer to reveal. */
  readonly top: number;
  readonly classes: readonly string[] | undefined;
}

interface RankedLabel {
  readonly label: string;
  readonly score: number;
  readonly logit: number;
}

/** An answer for a tool: its label, and where they were asked for the logits, and the best labels with their scores. */
export function answerJson(answer: PrivateAnswer, view: AnswerView) {
  const { inRange, reason, label } = answer;
  const verdict = { inRange, ...(reason === undefined ? {} : { reason }) };
  if (shows(answer, view)) return { ...verdict, labels: ranked(answer, view), logits: [...answer.reveal().logits] };
  return { ...verdict, ...(label === undefined ? {} : { labels: [{ label }] }) };
}

/** An answer for a person; undefined where there is nothing to show. `number` counts inputs of a batch. */
export function answerText(answer: PrivateAnswer, number: number | undefined, view: AnswerView): string | undefined {
  const prefix = number === undefined ? '' : `input ${number}: `;
  if (shows(answer, view)) {
    const head = [`${prefix}${view.classes ? 'class' : 'output'}`, 'score', 'logit'];
    const rows = ranked(answer, view).map(({ label, score, logit }) => [label, rounded(score), rounded(logit)]);
    return renderTable(head, rows);
  }
  return answer.inRange ? `${prefix}${answer.label} (in range)` : undefined;
}

/** The labels that may be shared, undefined where one may not, and why not. */
export function sharedLabels(answers: readonly PrivateAnswer[]): {
  readonly labels: readonly (string | undefined)[];
  readonly refused: readonly string[];
} {
  const refused: string[] = [];
  const labels = answers.map((answer, i) => {
    try {
      return answer.share().label;
    } catch (error) {
      if (!(error instanceof ShareError)) throw error;
      refused.push(`${answers.length === 1 ? 'the label' : `label ${i + 1}`} cannot be shared: ${error.message}`);
      return undefined;
    }
  });
  return { labels, refused };
}

function shows({ inRange }: PrivateAnswer, { reveal, force }: AnswerView): boolean {
  return reveal && (inRange || force);
}

function ranked(answer: PrivateAnswer, { top, classes }: AnswerView): RankedLabel[] {
  const { logits, scores } = answer.reveal();
  const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, top);
  return best.map((k) => ({ label: classes?.[k] ?? `${k}`, score: scores[k]!, logit: logits[k]! }));
}

const rounded = (value: number) => Number(value.toFixed(4));
