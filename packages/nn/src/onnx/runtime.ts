import { MissingDependencyError } from '../errors.ts';

export type Runtime = typeof import('onnxruntime-node');

/**
 * ONNX Runtime, loaded when something is first computed: models are read and programs are built without it.
 * @throws MissingDependencyError where it is not installed
 */
export async function loadRuntime(load: () => Promise<Runtime> = () => import('onnxruntime-node')): Promise<Runtime> {
  try {
    return await load();
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new MissingDependencyError('onnxruntime-node', 'trained models run and train', { cause: error });
  }
}
