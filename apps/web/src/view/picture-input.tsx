import type { Question } from '@cipherformer/client/browser';
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';

interface PictureInputProps {
  readonly onQuestion: (question: Question | undefined) => void;
}

/** A picture from a file, prepared by the client as the model says. */
export function PictureInput({ onQuestion }: PictureInputProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const name = useSignal('');
  const choose = async (input: HTMLInputElement) => {
    const [file] = input.files ?? [];
    if (file === undefined) return;
    onQuestion({ picture: file });
    name.value = file.name;
    const picture = await createImageBitmap(file).catch(() => undefined);
    const { current: area } = canvas;
    if (picture === undefined || area === null) return;
    const scale = Math.min(area.width / picture.width, area.height / picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    const context = area.getContext('2d')!;
    context.clearRect(0, 0, area.width, area.height);
    context.drawImage(picture, (area.width - width) / 2, (area.height - height) / 2, width, height);
    picture.close();
  };
  return (
    <>
      <canvas
        ref={canvas}
        class="picture"
        width={560}
        height={560}
        role="img"
        aria-label={name.value ? `The picture ${name.value}` : 'No picture yet'}
      />
      <div class="buttons">
        <label class="button">
          Choose a PNG or JPEG picture
          <input
            type="file"
            accept="image/png,image/jpeg"
            class="spoken"
            onChange={({ currentTarget }) => void choose(currentTarget)}
          />
        </label>
      </div>
    </>
  );
}
