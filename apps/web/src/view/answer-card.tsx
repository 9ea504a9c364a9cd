import type { Score } from '@cipherformer/client/browser';
import type { ClearState, ProgramState } from '../state/program-state.ts';
import { foundDocuments } from '../state/ranking.ts';
import { bytesText } from '../units.ts';
import { FoundDocuments } from './found-documents.tsx';
import { useShown } from './shown.ts';

/** The decrypted answer, beside the one that the page computed in clear. */
export function AnswerCard({ program }: { readonly program: ProgramState }) {
  const { value: answer } = program.answer;
  const { value: clear } = program.clear;
  const { value: scores } = program.scores;
  const inRange = answer?.inRange === true;
  const published = typeof clear === 'object' && 'scores' in clear ? clear : undefined;
  const agree = inRange && published !== undefined && published.label === answer.label;
  const documents = program.facts.value?.documents;
  // Of a search the documents are listed below, and are more than a label.
  const labelOf = (label: string | undefined) =>
    label !== undefined && documents ? `${Math.min(foundDocuments, documents.length)} of ${documents.length}` : label;
  const section = useShown<HTMLElement>(answer !== undefined);
  return (
    <section ref={section} id="answer" class="card answer" aria-labelledby="answer-title" hidden={answer === undefined} data-range={inRange ? 'in' : 'out'}>
      <h2 id="answer-title">The answer</h2>
      <div class="readings">
        <div class="reading">
          <h3>Encrypted</h3>
          <p id="label" class={labelClass(labelOf(answer?.label))}>{labelOf(answer?.label) ?? 'No answer'}</p>
          <p id="verdict" class="quiet">{answer && verdictText(answer)}</p>
        </div>
        <ClearReading clear={clear} labelOf={labelOf} />
      </div>
      {documents && inRange && scores && <FoundDocuments scores={scores} clear={published} />}
      {published !== undefined && inRange && !documents && (
        <p id="agreement" class={agree ? 'badge good' : 'badge alert'}>
          {agree ? 'Both say the same: the service computed what the model computes.' : 'They differ: the service computed something else, or the input is at the edge of two classes.'}
        </p>
      )}
      {inRange && !documents && (
        <div id="scores-part">
          <button type="button" id="reveal" hidden={scores !== undefined} onClick={() => void program.reveal()}>
            Show scores
          </button>
          <div id="scores" hidden={scores === undefined}>
            {scores && <Bars scores={scores} beside={published?.scores} />}
            <p class="quiet">For you alone. Scores carry noise that tells a little about your key: do not publish them or send them to the service.</p>
          </div>
        </div>
      )}
    </section>
  );
} // biome-ignore format: markup

/** A digit is large, a word is not. */
const labelClass = (label = '') => (label.length === 1 ? 'label digit' : 'label');

function verdictText({ inRange, reason, requestBytes, resultBytes }: { inRange: boolean; reason?: string; requestBytes: number; resultBytes: number }): string {
  return inRange
    ? `Decrypted here. The input was in the model’s range; ${bytesText(requestBytes)} of ciphertext went to the service, ${bytesText(resultBytes)} came back.`
    : `The input is unlike what the model was made for, so what it computed means nothing (${reason}).`;
} // biome-ignore format: one line

interface ClearReadingProps {
  readonly clear: ClearState;
  readonly labelOf: (label: string | undefined) => string | undefined;
}

function ClearReading({ clear, labelOf }: ClearReadingProps) {
  if (clear === 'none') return null;
  if (clear === 'not published')
    return (
      <div class="reading aside">
        <h3>In clear</h3>
        <p class="quiet">
          Whoever runs this service does not give the model away, so nothing is there to compare with.
        </p>
      </div>
    );
  if (clear === 'computing' || 'failed' in clear)
    return (
      <div class="reading aside">
        <h3>In clear</h3>
        <p class="quiet">{clear === 'computing' ? 'Computing in this page …' : `Not computed: ${clear.failed}.`}</p>
      </div>
    );
  return (
    <div class="reading aside">
      <h3>In clear</h3>
      <p id="clear-label" class={labelClass(labelOf(clear.label))}>
        {labelOf(clear.label) ?? 'No answer'}
      </p>
      <p class="quiet">
        The same polynomial model, run in this page in{' '}
        {clear.seconds < 0.1 ? 'less than 0.1' : clear.seconds.toFixed(1)} s. Your input was not sent.
      </p>
    </div>
  );
}

/** One bar a class; what the clear model says is a mark on it. */
function Bars({
  scores,
  beside,
}: {
  readonly scores: readonly Score[];
  readonly beside: readonly Score[] | undefined;
}) {
  const best = Math.max(...scores.map(({ score }) => score));
  return (
    <ul id="bars">
      {scores.map(({ label, score }, k) => {
        const clear = beside?.[k]?.score;
        return (
          <li key={label} data-best={score === best}>
            <span>{label}</span>
            <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
              <rect class="track" width="100" height="6" />
              <rect class="filled" width={100 * score} height="6" />
              {clear !== undefined && <rect class="mark" x={Math.min(99.2, 100 * clear)} width="0.8" height="6" />}
            </svg>
            <span>{(100 * score).toFixed(1)} %</span>
          </li>
        );
      })}
    </ul>
  );
}
