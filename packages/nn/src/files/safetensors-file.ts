import type { Weights } from '../model/weights.ts';
import { parseSafetensors, type SafetensorsFile, serialiseSafetensors } from './safetensors.ts';
import { readBytes, writeAtomically } from './storage.ts';

export const readSafetensors = (path: string): SafetensorsFile => parseSafetensors(readBytes(path), path);

export function writeSafetensors(
  path: string,
  tensors: Weights,
  metadata: Readonly<Record<string, string>> = {},
): void {
  writeAtomically(path, serialiseSafetensors(tensors, metadata));
}
