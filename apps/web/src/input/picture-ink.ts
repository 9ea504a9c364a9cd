import type { Ink } from './digits.ts';

/** More ink than this share of 255 at a picture's border: it is light on dark. */
const darkBorder = 0.5;

/** The ink of a picture of a digit, fitted into `size` x `size`: dark on light or light on dark. @throws DOMException for no picture */
export async function inkOfPicture(file: Blob, size: number): Promise<Ink> {
  const picture = await createImageBitmap(file);
  const scale = size / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  const context = new OffscreenCanvas(size, size).getContext('2d')!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, size, size);
  context.drawImage(picture, (size - width) / 2, (size - height) / 2, width, height);
  picture.close();
  const { data } = context.getImageData(0, 0, size, size);
  const values = new Uint8Array(size * size);
  for (let i = 0; i < values.length; i++)
    values[i] = 255 - Math.round(0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!);
  const [left, top] = [Math.ceil((size - width) / 2), Math.ceil((size - height) / 2)];
  const at = (x: number, y: number) => values[y * size + x]!;
  const border: number[] = [];
  for (let x = left; x < size - left; x++) border.push(at(x, top), at(x, size - 1 - top));
  for (let y = top; y < size - top; y++) border.push(at(left, y), at(size - 1 - left, y));
  const light = border.reduce((sum, value) => sum + value, 0) / border.length > 255 * darkBorder;
  if (light)
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const inside = x >= left && x < size - left && y >= top && y < size - top;
        values[y * size + x] = inside ? 255 - at(x, y) : 0;
      }
  return { width: size, height: size, values };
}
