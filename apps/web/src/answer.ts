import type { Answer } from './messages.ts';
import { bytesText } from './units.ts';

const element = (id: string) => document.getElementById(id)!;

/** Shows a label, or that there is none; scores stay hidden until they are asked for. */
export function showAnswer({ label, reason, requestBytes, resultBytes }: Answer): void {
  const inRange = label !== undefined;
  element('answer').hidden = false;
  element('answer').dataset.range = inRange ? 'in' : 'out';
  element('label').textContent = label ?? 'No answer';
  element('verdict').textContent = inRange
    ? `Decrypted here. The drawing was in the model’s range; ${bytesText(requestBytes)} of ciphertext went to the service, ${bytesText(resultBytes)} came back.`
    : `The drawing is unlike what the model was made for, so what it computed means nothing (${reason}). Draw it more like a single digit.`;
  element('scores-part').hidden = !inRange;
  element('reveal').hidden = false;
  element('scores').hidden = true;
}

/** Shows the scores, one bar each. */
export function showScores(scores: readonly { readonly label: string; readonly score: number }[]): void {
  const best = Math.max(...scores.map(({ score }) => score));
  element('bars').replaceChildren(
    ...scores.map(({ label, score }) => {
      const item = document.createElement('li');
      item.dataset.best = String(score === best);
      const name = document.createElement('span');
      name.textContent = label;
      // What it shows stands beside it as a number.
      const bar = document.createElement('span');
      bar.className = 'bar';
      bar.append(document.createElement('span'));
      (bar.firstChild as HTMLElement).style.width = `${100 * score}%`;
      const number = document.createElement('span');
      number.textContent = `${(100 * score).toFixed(1)} %`;
      item.append(name, bar, number);
      return item;
    }),
  );
  element('reveal').hidden = true;
  element('scores').hidden = false;
}
