import type { Question } from '@cipherformer/client/browser';
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { digitSize, prepareDigit } from '../input/digits.ts';
import { DrawingPad, inkOf, showDigit } from '../input/drawing-pad.ts';
import { inkOfPicture } from '../input/picture-ink.ts';
import { sampleDigits } from '../input/sample-digits.ts';

/** Side of the drawing area, in its own pixels. */
const padSize = 560;

interface DigitInputProps {
  readonly disabled: boolean;
  /** Hears of each drawing, and of none. */
  readonly onQuestion: (question: Question | undefined) => void;
}

/** A digit: drawn, chosen from a file, or drawn by the page. */
export function DigitInput({ disabled, onQuestion }: DigitInputProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const prepared = useRef<HTMLCanvasElement>(null);
  const pad = useRef<DrawingPad>(null);
  const empty = useSignal(true);
  const unread = useSignal('');

  useEffect(() => {
    pad.current = new DrawingPad(canvas.current!, () => {
      const digit = prepareDigit(inkOf(canvas.current!));
      showDigit(prepared.current!, digit);
      empty.value = digit === undefined;
      onQuestion(digit && { pixels: digit });
    });
  }, []);

  const choose = async (input: HTMLInputElement) => {
    const [file] = input.files ?? [];
    input.value = '';
    if (file === undefined) return;
    unread.value = '';
    try {
      pad.current!.show(await inkOfPicture(file, padSize));
    } catch {
      unread.value = `${file.name} is no picture that this browser reads.`;
    }
  };

  return (
    <>
      <div class="pad">
        <canvas
          ref={canvas}
          id="pad"
          width={padSize}
          height={padSize}
          tabIndex={0}
          role="img"
          aria-label="Drawing area, for mouse, pen or finger. Delete clears it. Without them, use the sample digits below."
        />
        <p id="pad-hint" aria-hidden="true" hidden={!empty.value}>
          Draw a digit, 0 to 9
        </p>
      </div>
      <div class="prepared">
        <canvas
          ref={prepared}
          id="prepared"
          width={digitSize}
          height={digitSize}
          role="img"
          aria-label={empty.value ? 'Nothing to encrypt yet' : 'The drawing as 28 by 28 greys'}
        />
        <p>This is what gets encrypted: 28 × 28 greys, cropped and centred here.</p>
      </div>
      <fieldset class="samples">
        <legend class="spoken">Sample digits</legend>
        {sampleDigits.map((strokes, digit) => (
          <button
            key={digit}
            type="button"
            disabled={disabled}
            aria-label={`Draw a ${digit}`}
            onClick={() => pad.current!.draw(strokes)}
          >
            {digit}
          </button>
        ))}
      </fieldset>
      <div class="buttons">
        <label class="button">
          Choose a picture
          <input
            type="file"
            accept="image/*"
            class="spoken"
            onChange={({ currentTarget }) => void choose(currentTarget)}
          />
        </label>
        <button type="button" id="clear" disabled={empty.value} onClick={() => pad.current!.clear()}>
          Clear
        </button>
      </div>
      <p class="quiet" role="status">
        {unread}
      </p>
    </>
  );
}
