import { parseSafetensors, type SafetensorsFile, serialiseSafetensors } from './safetensors.ts';
import { readBytes, writeAtomically } from './storage.ts';
import type { Weights } from './stored-tensor.ts';

export const readSafetensors = (path: string): SafetensorsFile => parseSafetensors(readBytes(path), path);

export function writeSafetensors(
  path: string,
  tensors: Weights,
  metadata: Readonly<Record<string, string>> = {},
): void {
  writeAtomically(path, serialiseSafetensors(tensors, metadata));
}
