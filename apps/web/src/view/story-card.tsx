import type { ModelStory } from '../clear/messages.ts';
import type { ProgramState } from '../state/program-state.ts';
import { Scroll } from './scroll.tsx';

/** How the model became polynomial, and what that cost it. */
export function StoryCard({ program }: { readonly program: ProgramState }) {
  const { value: story } = program.story;
  return (
    <section class="card" aria-labelledby="story-title">
      <h2 id="story-title">How the model was made</h2>
      <p>
        Encrypted numbers can be added and multiplied, nothing else. So a trained transformer was turned into one of
        additions and multiplications alone: its softmax, its activations and its normalisations became polynomials, one
        stage after the other.
      </p>
      {program.isSearch && (
        <p>
          In the place of its last step stands a public matrix, a row for each document: what comes out is how near your
          question is to each of them. The figures below are of the model before that.
        </p>
      )}
      {story === undefined && <p class="quiet">Asking what the model says of itself …</p>}
      {story === 'not published' && (
        <p class="quiet">This service does not give the model away, so there is no more to show.</p>
      )}
      {typeof story === 'object' && <Story story={story} />}
    </section>
  );
}

function Story({ story }: { readonly story: ModelStory }) {
  const metrics = [...new Set(story.stages.map(({ metric }) => metric))];
  const stages = [...new Set(story.stages.map(({ stage }) => stage))];
  const found = (stage: string, metric: string) =>
    story.stages.find((one) => one.stage === stage && one.metric === metric)?.value;
  return (
    <>
      {story.description && <p class="quiet">{story.description}</p>}
      <Scroll label="After each stage of the conversion">
        <table>
          <caption>After each stage of the conversion</caption>
          <thead>
            <tr>
              <th scope="col">stage</th>
              {metrics.map((metric) => <th key={metric} scope="col" class="number">{metric}</th>)}
            </tr>
          </thead>
          <tbody>
            {stages.map((stage) => (
              <tr key={stage}>
                <th scope="row">{stage}</th>
                {metrics.map((metric) => <td key={metric} class="number">{shown(found(stage, metric), metric)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <details>
        <summary>{story.polynomials.length} polynomials in the place of functions</summary>
        <Scroll label="Polynomials">
          <table>
            <thead>
              <tr>
                <th scope="col">where</th>
                <th scope="col">function</th>
                <th scope="col">interval</th>
                <th scope="col" class="number">degree</th>
              </tr>
            </thead>
            <tbody>
              {story.polynomials.map(({ site, what, interval, degrees }) => (
                <tr key={site}>
                  <th scope="row">{site}</th>
                  <td>{what}</td>
                  <td>{interval}</td>
                  <td class="number">{degrees}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </details>
    </>
  );
} // biome-ignore format: markup

const shown = (value: number | undefined, metric: string) =>
  value === undefined ? '–' : /accuracy/.test(metric) ? `${(100 * value).toFixed(2)} %` : value.toPrecision(4);
