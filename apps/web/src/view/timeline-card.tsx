import type { ProgramState } from '../state/program-state.ts';
import type { StepView } from '../state/timeline.ts';
import { secondsText } from '../units.ts';
import { useShown } from './shown.ts';

/** What is happening, or happened: steps with their bytes and seconds. */
export function TimelineCard({ program }: { readonly program: ProgramState }) {
  const { value: steps } = program.steps;
  const now = steps.find(({ state }) => state === 'now');
  const total = steps.reduce((sum, { seconds = 0 }) => sum + seconds, 0);
  const section = useShown<HTMLElement>(now !== undefined);
  return (
    <section ref={section} id="progress" class="card" aria-labelledby="progress-title" hidden={steps.length === 0}>
      <h2 id="progress-title">{now ? 'What is happening' : 'What happened'}</h2>
      <ol id="steps" class="steps">
        {steps.map((step) => (
          <Step key={step.name} step={step} />
        ))}
      </ol>
      {!now && <Shares steps={steps} total={total} />}
      <p class="quiet" id="progress-note">
        {now?.name === 'keys' && 'You can close this page: the next question goes on from here.'}
        {now?.name === 'run' && 'You can load this page again: it waits for the same answer.'}
        {!now && `In all ${secondsText(total)}.`}
      </p>
    </section>
  );
}

function Step({ step: { name, title, state, detail, share } }: { readonly step: StepView }) {
  return (
    <li data-state={state} data-step={name} {...(state === 'now' ? { 'aria-current': 'step' as const } : {})}>
      <span>{title}</span>
      <span>{detail}</span>
      {state === 'now' && share !== undefined && <progress max={1} value={share} aria-label={title} />}
    </li>
  );
}

/** How the time was shared out. */
function Shares({ steps, total }: { readonly steps: readonly StepView[]; readonly total: number }) {
  let from = 0;
  return (
    <svg class="shares" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      {steps.map(({ name, seconds = 0 }) => {
        const [x, width] = [from, total > 0 ? (100 * seconds) / total : 0];
        from += width;
        return <rect key={name} data-step={name} x={x} width={Math.max(0, width - 0.3)} height="4" />;
      })}
    </svg>
  );
}
