import { useEffect } from 'preact/hooks';
import type { PageState } from '../state/page-state.ts';
import type { ProgramState } from '../state/program-state.ts';
import { AllowDialog } from './allow-dialog.tsx';
import { AnswerCard } from './answer-card.tsx';
import { AskCard } from './ask-card.tsx';
import { KeyCard } from './key-card.tsx';
import { type KeyDialogReferences, KeyDialogs, useKeyDialogs } from './key-dialogs.tsx';
import { useNarrow } from './narrow.ts';
import { PlanCard } from './plan-card.tsx';
import { ProblemCard } from './problem-card.tsx';
import { SeesCard } from './sees-card.tsx';
import { Spoken } from './spoken.tsx';
import { StoryCard } from './story-card.tsx';
import { ThreatsCard } from './threats-card.tsx';
import { TimelineCard } from './timeline-card.tsx';

/** The whole page. */
export function App({ page }: { readonly page: PageState }) {
  useEffect(() => void page.open(), []);
  const { value: program } = page.current;
  const dialogs = useKeyDialogs();
  return (
    <>
      <header class="top">
        <p class="brand">
          <img src="./icon.svg" alt="" width="28" height="28" /> Cipherformer
        </p>
        <Programs page={page} />
      </header>
      <main>
        <div class="hero">
          <h1>Ask a question that nobody sees</h1>
          <p class="lead">
            Your browser encrypts it, the service computes on the ciphertext without ever opening it, and only you can read the
            answer.
          </p>
        </div>
        {!page.online.value && <p class="banner" role="status">You are offline. What is under way goes on when the network is back.</p>}
        {program === undefined ? <Opening page={page} /> : <Program key={program.listing.digest} page={page} program={program} dialogs={dialogs} />}
      </main>
      <Spoken program={program} />
      <KeyDialogs page={page} dialogs={dialogs} />
      <AllowDialog page={page} />
    </>
  );
} // biome-ignore format: markup

/** Which of the service's programs is asked. */
function Programs({ page }: { readonly page: PageState }) {
  const { value: programs } = page.programs;
  if (programs.length < 2) return null;
  return (
    <nav aria-label="Programs of this service">
      <ul class="programs">
        {programs.map((program, index) => (
          <li key={program.listing.digest}>
            <button
              type="button"
              aria-current={program === page.current.value ? 'page' : undefined}
              onClick={() => page.choose(index)}
            >
              {titleOf(program, programs)}
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** What a person calls a program: by what is asked of it, or by its name where several are asked the same. */
function titleOf(program: ProgramState, all: readonly ProgramState[]): string {
  const kind = kindOf(program);
  if (kind !== undefined && all.filter((one) => kindOf(one) === kind).length === 1) return kind;
  return program.listing.name.replace(/ in polynomial form$/, '');
}

function kindOf({ listing: { task }, isSearch }: ProgramState): string | undefined {
  if (isSearch) return 'Search';
  return { 'image-classification': 'Pictures', 'text-classification': 'Texts' }[task];
}

/** Before the service has told what it serves. */
function Opening({ page }: { readonly page: PageState }) {
  return (
    <div class="columns">
      <section class="card" aria-busy={page.problem.value === undefined}>
        <p class="quiet">{page.problem.value === undefined ? 'Asking the service what it computes …' : 'Nothing can be asked yet.'}</p>
      </section>
      <div class="side">
        <ProblemCard problem={page.problem.value} onAgain={() => page.again()} onGiven={(given) => void page.open(given)} />
      </div>
    </div>
  );
} // biome-ignore format: markup

interface ProgramProps {
  readonly page: PageState;
  readonly program: ProgramState;
  readonly dialogs: KeyDialogReferences;
}

function Program({ page, program, dialogs }: ProgramProps) {
  const { value: problem } = program.problem;
  const narrow = useNarrow();
  const key = <KeyCard page={page} dialogs={dialogs} />;
  return (
    <>
      <div class="columns">
        <div class="side">
          <AskCard program={program} />
          {!narrow && key}
        </div>
        <div class="side">
          <ProblemCard
            problem={problem ?? page.problem.value}
            onAgain={() => (problem ? program : page).again()}
            onGiven={(given) => void page.open(given)}
          />
          <AnswerCard program={program} />
          <TimelineCard program={program} />
          {narrow && key}
          <SeesCard program={program} />
          <PlanCard program={program} />
        </div>
      </div>
      <StoryCard program={program} />
      <ThreatsCard />
    </>
  );
}
