import type { Installation } from './installed.mjs';

export declare function installedFigures(installation: Installation): {
  readonly bytes: number;
  readonly installScripts: number;
};
export declare function smallSteps(installation: Installation): Promise<{
  readonly kernels: string;
  readonly builtHere: boolean;
  readonly knownAnswers: number;
  readonly predicted: string;
  readonly page: boolean;
  readonly withoutOnnxRuntime: number;
  readonly saysHow: boolean;
  readonly accuracyWithOnnxRuntime: number;
}>;
export declare function encryptedAnswer(installation: Installation): Promise<string>;
export declare function demoWithout(
  installation: Installation,
): Promise<{ readonly agrees: boolean; readonly leftOut: boolean; readonly seconds: number }>;
