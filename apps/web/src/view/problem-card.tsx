import { useSignal } from '@preact/signals';
import type { Problem } from '../state/words.ts';

interface ProblemCardProps {
  readonly problem: Problem | undefined;
  readonly onAgain: () => void;
  /** Hears the token or the passphrase that is needed. */
  readonly onGiven: (given: { token?: string; passphrase?: string }) => void;
}

/** What went wrong, in words, and what to do. */
export function ProblemCard({ problem, onAgain, onGiven }: ProblemCardProps) {
  const given = useSignal('');
  const needs = problem?.needs;
  return (
    <section id="problem" class="card problem" role="alert" hidden={problem === undefined}>
      <h2 id="problem-title">{problem?.title}</h2>
      <p id="problem-text">{problem?.text}</p>
      {needs ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            onGiven({ [needs]: given.value });
            given.value = '';
          }}
        >
          <label class="field" for="given">
            {needs === 'token' ? 'Token of the service' : 'Passphrase'}
          </label>
          <input
            id="given"
            type="password"
            required
            autocomplete="off"
            value={given.value}
            onInput={({ currentTarget }) => {
              given.value = currentTarget.value;
            }}
          />
          <button type="submit">Go on</button>
        </form>
      ) : (
        <button type="button" id="again" onClick={onAgain}>
          Try again
        </button>
      )}
    </section>
  );
}
