import { gib } from '@cipherformer/base';
import {
  type BuildReport,
  type BuildStatus,
  KernelError,
  type Kernels,
  listBuilds,
  loadKernels,
  readBuildReport,
} from '@cipherformer/ckks';
import { availableMemoryBytes } from '@cipherformer/runtime/server';
import pc from 'picocolors';
import { describeMachine, type MachineDescription } from './machine.ts';

/** What is loaded on this machine and why, and how to get what is missing. */
export interface Diagnosis {
  readonly machine: MachineDescription;
  readonly availableMemoryBytes: number;
  /** The build that a program gets, and why; null when none can be loaded. */
  readonly loaded: { readonly build: string; readonly why: string; readonly threads: number } | null;
  readonly builds: readonly BuildStatus[];
  readonly kernelBuild: BuildReport | null;
  /** What to do, most useful first; empty when all is well. */
  readonly advice: readonly string[];
}

const nativeNames = ['ifma', 'fma', 'scalar'];

const compilerFix =
  'install a C++ compiler (Debian and Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; ' +
  'macOS: xcode-select --install), then npm run build';

function adviceFor(
  report: BuildReport | undefined,
  builds: readonly BuildStatus[],
  machine: MachineDescription,
): string[] {
  const advice: string[] = [];
  const scalar = builds.find(({ name }) => name === 'scalar');
  if (!report) {
    // Installed with packages, or a checkout that was never built: the loader knows which.
    if (scalar?.usable === false)
      advice.push(`native kernels do not load, which costs a factor of 4 to 12 (${scalar.reason})`);
  } else if (!report.native.built) {
    const reason = report.native.reason ?? 'unknown reason';
    const fix = reason.includes('CIPHERFORMER_NO_NATIVE')
      ? 'unset CIPHERFORMER_NO_NATIVE, then npm run build'
      : reason.includes('no C++ compiler')
        ? compilerFix
        : 'mend what the compiler says, or choose another with CXX=..., then npm run build';
    advice.push(`native kernels are missing (${reason.split('\n')[0]}), which costs a factor of 4 to 12: ${fix}`);
  } else if (!builds.some(({ name, usable }) => usable && nativeNames.includes(name))) {
    advice.push(`native kernels were built but do not load (${scalar?.reason}): npm run build on this machine`);
  }
  if (report && !report.wasm.built)
    advice.push(`WebAssembly kernels are missing (${report.wasm.reason}): npm ci, then npm run build`);
  if (machine.transparentHugePages === 'never') {
    advice.push(
      'huge pages are off, which costs some speed at N = 2^16: ' +
        'echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled',
    );
  }
  return advice;
}

/** Looks at the kernels, memory and settings of this machine. What is missing stands in the advice. */
export async function diagnose(): Promise<Diagnosis> {
  const machine = describeMachine();
  const [builds, report] = await Promise.all([listBuilds(), readBuildReport()]);
  const advice = adviceFor(report, builds, machine);
  let kernels: Kernels | undefined;
  try {
    kernels = await loadKernels();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    advice.unshift(error.message);
  }
  const asked = process.env.CIPHERFORMER_KERNELS;
  const why = asked === undefined ? 'the fastest that runs here' : `CIPHERFORMER_KERNELS=${asked} asks for it`;
  return {
    machine,
    availableMemoryBytes: availableMemoryBytes(),
    loaded: kernels ? { build: kernels.build, why, threads: kernels.threads } : null,
    builds,
    kernelBuild: report ?? null,
    advice,
  };
}

function built(report: BuildReport | null): string {
  if (!report) return 'not here: installed with packages';
  const { native, wasm } = report;
  return `${native.built ? `native by ${native.compiler}` : 'no native kernels'}, ${wasm.built ? 'WebAssembly' : 'no WebAssembly'}`;
}

/** A diagnosis for a person. */
export function diagnosisText({ machine, loaded, builds, kernelBuild, advice, ...rest }: Diagnosis): string {
  const lines = [
    `kernels     ${loaded ? `${pc.bold(loaded.build)} (${loaded.why}), ${loaded.threads} threads` : pc.red('none')}`,
    ...builds.map(({ name, usable, needs, reason }) => {
      const instructions = needs && needs.length > 0 ? ` (${needs.join(' ')})` : '';
      return `  ${usable ? pc.green('yes') : pc.yellow('no ')} ${name}${instructions}${reason ? `: ${reason}` : ''}`;
    }),
    `built       ${built(kernelBuild)}`,
    `processor   ${machine.cpu}, ${machine.cores} cores`,
    `memory      ${gib(machine.memoryBytes, 1)}, ${gib(rest.availableMemoryBytes, 1)} available`,
    `huge pages  ${machine.transparentHugePages}`,
    `runtime     Node ${machine.node} (V8 ${machine.v8}), ${machine.platform}`,
    ...advice.map((text) => `${pc.yellow('advice')}      ${text}`),
  ];
  return lines.join('\n');
}
