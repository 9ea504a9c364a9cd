import { MissingPackageError } from '../errors.ts';

export type OnnxRuntime = typeof import('onnxruntime-node');

/** Its install script would download CUDA, which nothing here uses; the package holds what runs on processors. */
const install = 'npm install --ignore-scripts onnxruntime-node@1.30.0';

/**
 * ONNX Runtime, asked for where it is first needed: who asks, serves or compiles polynomial models does without its 288 MB.
 * @param load for tests
 * @throws MissingPackageError where it is not installed, or does not load on this machine
 */
export async function onnxRuntime(
  load: () => Promise<OnnxRuntime> = () => import('onnxruntime-node'),
): Promise<OnnxRuntime> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const absent = code === 'ERR_MODULE_NOT_FOUND' && message.includes("'onnxruntime-node'");
    throw new MissingPackageError(
      `Models with softmax, LayerNorm or GELU are trained, converted and evaluated by ONNX Runtime, which ${absent ? 'is not installed' : `cannot be loaded (${message})`}: ${install}`,
      { cause, hint: install },
    );
  }
}
