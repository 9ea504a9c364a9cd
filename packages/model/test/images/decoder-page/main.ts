import { pictureDecoder } from '@cipherformer/model';

/** What the page gives to its test: the pixels of a file, or why there are none. */
export interface DecoderProbe {
  decode(file: number[]): Promise<{ readonly channels: number; readonly pixels: number[] } | string>;
}

const probe: DecoderProbe = {
  async decode(file) {
    try {
      const { channels, pixels } = await (await pictureDecoder())(Uint8Array.from(file), 'p');
      return { channels, pixels: [...pixels] };
    } catch (error) {
      return (error as Error).message;
    }
  },
};
Object.assign(globalThis, { probe });
