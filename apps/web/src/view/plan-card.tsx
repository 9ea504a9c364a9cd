import type { ProgramFacts } from '@cipherformer/client/browser';
import type { ProgramState } from '../state/program-state.ts';
import { bytesText, secondsText } from '../units.ts';

/** What the program is: known before anything is made or sent. */
export function PlanCard({ program }: { readonly program: ProgramState }) {
  const { value: facts } = program.facts;
  return (
    <section class="card" aria-labelledby="plan-title">
      <h2 id="plan-title">The plan</h2>
      {facts ? <PlanFacts facts={facts} /> : <p class="quiet">Not read yet.</p>}
    </section>
  );
}

function PlanFacts({ facts }: { readonly facts: ProgramFacts }) {
  const rows: readonly (readonly [string, string])[] = [
    ...(facts.documents ? [['Documents', facts.documents.length.toLocaleString('en-US')] as const] : []),
    ['Processor time of an answer', secondsText(facts.cpuSeconds)],
    ['Memory at the service', bytesText(facts.peakBytes)],
    ['Evaluation keys', `${facts.keys}, ${bytesText(facts.keyBytes)}`],
    ['Instructions on ciphertexts', facts.instructions.toLocaleString('en-US')],
    ['Bootstraps', `${facts.bootstraps}`],
    ['Ring', `N = 2^${facts.logN}, log2(QP) = ${Math.round(facts.logQP)}`],
    ['Program', facts.digest.slice(0, 16)],
  ];
  return (
    <>
      <table class="facts">
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">Predicted when the program was compiled. Whoever compiled it wrote these figures; this browser checked that the ring and the keys are safe to use.</p>
    </>
  );
} // biome-ignore format: markup
