import type { Score } from '@cipherformer/client/browser';
import type { ClearAnswer } from '../clear/messages.ts';
import { agreementOf, type FoundDocument, found } from '../state/ranking.ts';

/** A text of more characters is folded after about as many. */
const shownCharacters = 240;

interface FoundDocumentsProps {
  readonly scores: readonly Score[];
  readonly clear: ClearAnswer | undefined;
}

/** The ten documents that are nearest to the question, with their places in clear. */
export function FoundDocuments({ scores, clear }: FoundDocumentsProps) {
  const documents = found(scores, clear?.label === undefined ? undefined : clear.scores);
  const highest = documents[0]!.score;
  return (
    <>
      {clear?.label !== undefined && <Agreement documents={documents} />}
      <ol id="found">
        {documents.map((one) => (
          <li key={one.document}>
            <DocumentText text={one.text} />
            <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
              <rect class="track" width="100" height="6" />
              <rect class="filled" width={widthOf(one.score, highest)} height="6" />
              {one.clearScore !== undefined && (
                <rect class="mark" x={Math.min(99.2, widthOf(one.clearScore, highest))} width="0.8" height="6" />
              )}
            </svg>
            <p class="quiet">
              Encrypted {one.score.toFixed(3)}
              {one.clearScore !== undefined && `; in clear ${one.clearScore.toFixed(3)}, place ${one.place}`}
            </p>
          </li>
        ))}
      </ol>
      <p class="quiet">
        For you alone. Scores carry noise that tells a little about your key: do not publish them or send them to the
        service. A score is a cosine times the length of what the model made of your question.
      </p>
    </>
  );
}

const widthOf = (score: number, highest: number) => (highest > 0 ? 100 * Math.min(1, Math.max(0, score / highest)) : 0);

function Agreement({ documents }: { readonly documents: readonly FoundDocument[] }) {
  const { same, inOrder } = agreementOf(documents);
  const all = same === documents.length;
  const text = inOrder
    ? 'In clear the same documents are found in the same order: the service computed what the model computes.'
    : all
      ? 'In clear the same documents are found; some of nearly equal scores are in another order.'
      : `Of these ${documents.length} documents ${same} are among the first in clear. Noise exchanges only what has nearly equal scores: otherwise the service computed something else.`;
  return (
    <p id="agreement" class={all ? 'badge good' : 'badge alert'}>
      {text}
    </p>
  );
}

/** A long text is folded. */
function DocumentText({ text }: { readonly text: string }) {
  if (text.length <= 1.25 * shownCharacters) return <p class="document">{text}</p>;
  const cut = text.lastIndexOf(' ', shownCharacters);
  const end = cut > shownCharacters / 2 ? cut : shownCharacters;
  return (
    <details class="document">
      <summary>{text.slice(0, end)} …</summary>
      {text.slice(end).trimStart()}
    </details>
  );
}
