import { ConfigError } from '@cipherformer/model';
import { listed, shown, words } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import type { ModelConfigInput } from '../../transformer/config.ts';
import type { SentenceModules } from './sentence-transformers.ts';

/** What a model is read as. */
export type HeadKind = 'classes' | 'tokens' | 'language' | 'embedding' | 'teacher';

/** The keys that name a model's class and its labels. */
export const labelKeys = z.object({
  architectures: z.array(words).max(16).nullish(),
  id2label: z.record(z.string(), words).nullish(),
  label2id: z.record(z.string(), z.union([z.int(), z.string()])).nullish(),
  num_labels: z.int().positive().max(100_000).nullish(),
  problem_type: z.enum(['single_label_classification', 'multi_label_classification', 'regression']).nullish(),
});
type LabelKeys = z.infer<typeof labelKeys>;

export interface Head {
  readonly kind: HeadKind;
  readonly classes: readonly string[];
  readonly problem?: 'multi-label' | 'regression';
  /** How a folder of sentence-transformers makes one vector of a text. */
  readonly sentence?: SentenceModules;
}

/** The ends of class names, and what is read of such a model. */
const kinds: Readonly<Record<string, HeadKind>> = {
  ForSequenceClassification: 'classes',
  ForImageClassification: 'classes',
  ForImageClassificationWithTeacher: 'teacher',
  ForTokenClassification: 'tokens',
  ForCausalLM: 'language',
  LMHeadModel: 'language',
  Model: 'embedding',
};

const reasons: Readonly<Record<string, string>> = {
  ForQuestionAnswering: 'heads that mark where an answer begins and ends are not supported: fine-tune a classifier',
  ForMultipleChoice: 'heads that choose between several texts are not supported: fine-tune a classifier',
  ForMaskedLM: 'heads that guess hidden words are not supported: fine-tune a classifier, or save the encoder alone',
  ForPreTraining: 'heads of pretraining are not supported: fine-tune a classifier, or save the encoder alone',
  ForNextSentencePrediction: 'heads of pretraining are not supported: fine-tune a classifier',
  ForMaskedImageModeling: 'heads that guess hidden patches are not supported: fine-tune a classifier',
  ForSemanticSegmentation: 'heads that label every pixel are not supported: fine-tune a classifier of whole images',
};

/** What a config.json says of its head. @throws ConfigError for one that is not read, or labels that disagree */
export function headOf(
  { name, heads }: { readonly name: string; readonly heads: readonly HeadKind[] },
  labels: LabelKeys,
  where: string,
  sentence?: SentenceModules,
): Head {
  const classes = classNames(labels, where);
  if (sentence) return { kind: 'embedding', classes, sentence };
  const kind = kindOf(name, heads, labels.architectures?.[0], where);
  const { problem_type: type } = labels;
  if (kind !== 'classes' && kind !== 'teacher') return { kind, classes };
  if (type === 'single_label_classification' && classes.length === 1)
    throw new ConfigError(`${where}: problem_type is ${shown(type)} with one label: a choice needs two.`);
  if (type === 'multi_label_classification') return { kind, classes, problem: 'multi-label' };
  return type === 'regression' || classes.length === 1 ? { kind, classes, problem: 'regression' } : { kind, classes };
}

function kindOf(name: string, heads: readonly HeadKind[], architecture: string | undefined, where: string): HeadKind {
  if (architecture === undefined) return heads[0]!;
  const end = architecture.startsWith(name) ? architecture.slice(name.length) : undefined;
  const kind = end !== undefined && Object.hasOwn(kinds, end) ? kinds[end]! : undefined;
  if (kind !== undefined && heads.includes(kind)) return kind;
  const known = Object.keys(kinds).filter((one) => heads.includes(kinds[one]!) && one !== 'LMHeadModel');
  const reason = end !== undefined && Object.hasOwn(reasons, end) ? reasons[end] : 'such a model is not supported';
  throw new ConfigError(
    `${where}: architectures is ${shown(architecture)}: ${reason}. Read are ${known.map((one) => name + one).join(', ')}.`,
  );
}

/** The names of the classes, in order. @throws ConfigError unless they are numbered from 0 without a gap, each way alike */
function classNames({ id2label, label2id, num_labels: count }: LabelKeys, where: string): string[] {
  if (!id2label) return Array.from({ length: count ?? 2 }, (_, i) => `LABEL_${i}`);
  const names = Object.keys(id2label).map((_, i) => {
    const name = id2label[i];
    if (name === undefined)
      throw new ConfigError(
        `${where}: id2label names ${listed(Object.keys(id2label))}, not ${i}: classes are numbered from 0 without a gap.`,
      );
    return name;
  });
  if (names.length === 0) throw new ConfigError(`${where}: id2label names no class.`);
  if (count && count !== names.length)
    throw new ConfigError(`${where}: num_labels is ${count}, id2label names ${names.length}: they have to agree.`);
  for (const [name, id] of Object.entries(label2id ?? {})) {
    // Files keep LABEL_0 here where only id2label was given names.
    if (names[Number(id)] !== name && name !== `LABEL_${id}`)
      throw new ConfigError(
        `${where}: label2id gives ${shown(name)} the number ${shown(id)}, which id2label calls ${shown(names[Number(id)] ?? null)}: they have to agree.`,
      );
  }
  return names;
}

type HeadParts = Pick<ModelConfigInput, 'task' | 'pool' | 'head'>;

/** The end of an encoder: for classes of its first token, through `hidden` where there is such a layer. */
export function encoderEnd(
  head: Head,
  of: 'text' | 'image',
  width: number,
  hidden?: ModelConfigInput['head']['hidden'],
): HeadParts {
  if (head.kind === 'embedding') return embeddingEnd(head, of, width);
  if (head.kind === 'tokens')
    return { task: 'token-classification', pool: 'none', head: { outputs: head.classes.length } };
  return {
    task: of === 'text' ? 'text-classification' : 'image-classification',
    pool: 'class',
    head: { outputs: head.classes.length, ...(hidden ? { hidden } : {}), ...problemOf(head) },
  };
}

/** The end of a model that reads from left to right. */
export function decoderEnd(
  head: Head,
  width: number,
  vocabulary: number,
  language: { tied: boolean; bias?: boolean },
): HeadParts {
  switch (head.kind) {
    case 'embedding':
      return embeddingEnd(head, 'text', width);
    case 'tokens':
      return { task: 'token-classification', pool: 'none', head: { outputs: head.classes.length } };
    case 'classes':
      return {
        task: 'text-classification',
        pool: 'last',
        head: { outputs: head.classes.length, bias: false, ...problemOf(head) },
      };
    default:
      return { task: 'language-model', pool: 'none', head: { outputs: vocabulary, bias: false, ...language } };
  }
}

const problemOf = ({ problem }: Head) => (problem ? { problem } : {});

/** One vector: as the folder says; the mean of a text's tokens, or the first of an image's, where it does not. */
function embeddingEnd({ sentence }: Head, of: 'text' | 'image', width: number): HeadParts {
  return {
    task: of === 'text' ? 'text-embedding' : 'image-embedding',
    pool: sentence?.pool ?? (of === 'text' ? 'mean' : 'class'),
    head: { outputs: width, none: true, ...(sentence?.unit ? { unit: true } : {}) },
  };
}
