import type { ProgramState } from '../state/program-state.ts';

/** For a screen reader: each step once, each quarter of the long ones, and the answer. */
export function Spoken({ program }: { readonly program: ProgramState | undefined }) {
  return (
    <p id="spoken" class="spoken" role="status">
      {program && spokenText(program)}
    </p>
  );
}

function spokenText({ answer: { value: answer }, steps: { value: steps }, isSearch }: ProgramState): string {
  if (answer !== undefined)
    return answer.label === undefined
      ? 'There is no answer.'
      : isSearch
        ? `The first document is: ${answer.label}`
        : `The answer is ${answer.label}.`;
  const now = steps.find(({ state }) => state === 'now');
  return now ? `${now.title}${now.share ? `, ${25 * Math.floor(4 * now.share)} %` : ''}` : '';
}
