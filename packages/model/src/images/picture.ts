/** A decoded image: 8 bits a value, [height, width, channels]. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Grey; grey and opacity; red, green, blue; those and opacity. */
  readonly channels: 1 | 2 | 3 | 4;
  readonly pixels: Uint8Array;
}

/** On white, where a picture has opacity: opaque afterwards. Rounds as PIL's alpha_composite. */
export function onWhite(picture: Picture): Picture {
  const { channels, pixels, width, height } = picture;
  if (channels === 1 || channels === 3) return picture;
  const colours = channels === 4 ? 3 : 1;
  const result = new Uint8Array(width * height * colours);
  for (let i = 0; i < width * height; i++) {
    // PIL's blend with an opaque background, in 7 bits more than a byte.
    const weight = pixels[i * channels + colours]! * 128;
    for (let c = 0; c < colours; c++) {
      const blended = pixels[i * channels + c]! * weight + 255 * (255 * 128 - weight);
      const shifted = blended + (0x80 << 7);
      result[i * colours + c] = (((shifted >> 8) + shifted) >> 8) >> 7;
    }
  }
  return { width, height, channels: colours, pixels: result };
}

/** Without its opacity: colours as they stand, as PIL's convert("RGB"). */
export function withoutOpacity(picture: Picture): Picture {
  const { channels, pixels, width, height } = picture;
  if (channels === 1 || channels === 3) return picture;
  const colours = channels === 4 ? 3 : 1;
  const result = new Uint8Array(width * height * colours);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < colours; c++) result[i * colours + c] = pixels[i * channels + c]!;
  return { width, height, channels: colours, pixels: result };
}

/** An opaque picture in colours, or as brightness (ITU-R BT.601 in 16 bits, as PIL's convert("L")). */
export function withChannels(picture: Picture, channels: 1 | 3): Picture {
  if (picture.channels === channels) return picture;
  const { width, height, pixels } = picture;
  const count = width * height;
  const result = new Uint8Array(count * channels);
  for (let i = 0; i < count; i++) {
    if (channels === 3) result.fill(pixels[i]!, 3 * i, 3 * i + 3);
    else {
      const [r, g, b] = [pixels[3 * i]!, pixels[3 * i + 1]!, pixels[3 * i + 2]!];
      result[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    }
  }
  return { width, height, channels, pixels: result };
}

/** Turned and mirrored so that it stands as an EXIF orientation, 1 to 8, says; any other number leaves it. */
export function oriented(picture: Picture, orientation: number): Picture {
  if (!(orientation >= 2 && orientation <= 8)) return picture;
  const { width, height, channels, pixels } = picture;
  const turned = orientation >= 5;
  const [w, h] = turned ? [height, width] : [width, height];
  const result = new Uint8Array(pixels.length);
  const mirrorX = [2, 3, 7, 8].includes(orientation);
  const mirrorY = [3, 4, 6, 7].includes(orientation);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      // Where the pixel stands in the picture as it is stored.
      const [column, row] = turned ? [y, x] : [x, y];
      const from = (mirrorY ? height - 1 - row : row) * width + (mirrorX ? width - 1 - column : column);
      for (let c = 0; c < channels; c++) result[(y * w + x) * channels + c] = pixels[from * channels + c]!;
    }
  }
  return { width: w, height: h, channels, pixels: result };
}
