import { optionalPackage } from '@cipherformer/base';

export type OnnxRuntime = typeof import('onnxruntime-node');

/**
 * ONNX Runtime, asked for where it is first needed: who asks, serves or compiles polynomial models does without its 288 MB.
 * @param load for tests
 * @throws MissingPackageError where it is not installed, or does not load on this machine
 */
export function onnxRuntime(load: () => Promise<OnnxRuntime> = () => import('onnxruntime-node')): Promise<OnnxRuntime> {
  return optionalPackage(load, {
    name: 'onnxruntime-node',
    purpose: 'Models with softmax, LayerNorm or GELU are trained, converted and evaluated by ONNX Runtime',
    // Its script would download CUDA, which nothing here uses; the package itself holds what runs on processors.
    install: 'npm install --ignore-scripts onnxruntime-node@1.30.0',
  });
}
