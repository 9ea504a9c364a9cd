import { useEffect, useRef } from 'preact/hooks';
import type { ProgramState } from '../state/program-state.ts';
import { bytesText, secondsText } from '../units.ts';

/** Pixels of the picture that the ciphertext's bytes make: width and height. */
const noiseSize = [64, 16] as const;
/** Bytes that are shown as numbers. */
const shownBytes = 48;

/** What the service sees, beside what it does not. */
export function SeesCard({ program }: { readonly program: ProgramState }) {
  const { value: facts } = program.facts;
  const { value: sample } = program.sample;
  return (
    <section class="card" aria-labelledby="sees-title">
      <h2 id="sees-title">Who sees what</h2>
      {sample && <Noise sample={sample} />}
      <dl>
        <div>
          <dt>Stays in this browser</dt>
          <dd>Your secret key, your input, the answer.</dd>
        </div>
        <div>
          <dt>Goes to the service once</dt>
          <dd>
            <span id="key-bytes">{facts ? bytesText(facts.keyBytes) : 'A few gibibytes'}</span> of evaluation keys, made
            here with the first question. The service can compute with them, and can open nothing. Closing this page in
            between loses nothing.
          </dd>
        </div>
        <div>
          <dt>Goes to the service with each question</dt>
          <dd>
            One encrypted input. It computes on it
            {facts && `, for about ${secondsText(facts.cpuSeconds)} of processor time,`} and sends an encrypted answer
            back.
          </dd>
        </div>
        <div>
          <dt>The service learns</dt>
          <dd>That you ask, when, and how many bytes. Not what you asked, not what the answer is.</dd>
        </div>
      </dl>
    </section>
  );
}

/** The middle of the request, as it went over the line. */
function Noise({ sample }: { readonly sample: Uint8Array }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, height] = noiseSize;
  useEffect(() => {
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      image.data.fill(sample[i % sample.length]!, 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = 255;
    }
    canvas.current!.getContext('2d')!.putImageData(image, 0, 0);
  }, [sample]);
  const hex = Array.from(sample.subarray(0, shownBytes), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return (
    <figure class="noise">
      <canvas
        ref={canvas}
        width={width}
        height={height}
        role="img"
        aria-label="Bytes of your encrypted question: noise"
      />
      <code aria-hidden="true">{hex} …</code>
      <figcaption class="quiet">
        Your last question as the service has it: {sample.length} bytes from its middle.
      </figcaption>
    </figure>
  );
}
