import { ConfigError } from '@cipherformer/model';
import { shown } from '@cipherformer/model/untrusted';
import { albert } from './albert.ts';
import { beit } from './beit.ts';
import { bert } from './bert.ts';
import { deit } from './deit.ts';
import { dinov2 } from './dinov2.ts';
import { distilbert } from './distilbert.ts';
import { electra } from './electra.ts';
import type { Family, ForeignLayout } from './family.ts';
import { gemma } from './gemma.ts';
import { gptNeo } from './gpt-neo.ts';
import { gptNeox } from './gpt-neox.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { mpnet } from './mpnet.ts';
import { opt } from './opt.ts';
import { phi } from './phi.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { robertaFamily, xlmRobertaFamily } from './roberta.ts';
import type { SentenceModules } from './sentence-transformers.ts';
import { swin } from './swin.ts';
import { vit } from './vit.ts';

/** The Hugging Face families that are read directly, by the `model_type` of their config.json. */
export const families: Readonly<Record<string, Family>> = {
  ...{ bert, distilbert, roberta: robertaFamily, 'xlm-roberta': xlmRobertaFamily, electra, albert, mpnet },
  ...{ vit, deit, dinov2, beit, swin },
  ...{ gpt2, gpt_neo: gptNeo, gpt_neox: gptNeox, opt, llama, mistral, qwen2, qwen3, gemma, phi },
};

/** Families that people have and that are not read, with what is in the way. */
const reasons: Readonly<Record<string, string>> = {
  t5: 'it has an encoder and a decoder',
  bart: 'it has an encoder and a decoder',
  'deberta-v2': 'its attention looks at content and position apart',
  deberta: 'its attention looks at content and position apart',
  convnext: 'it is made of convolutions and no transformer',
  resnet: 'it is made of convolutions and no transformer',
  modernbert: 'its local attention in both directions is not built',
  gemma2: 'it limits its scores by tanh',
  gemma3_text: 'its layers have different rotary positions',
  phi3: 'its rotary positions depend on the length',
  mixtral: 'it chooses between experts',
  clip: 'it has two towers: take its text or its vision model alone',
};

/**
 * Interprets a Hugging Face config.json.
 * @param sentence what modules.json of its folder says, if there is one
 * @throws ConfigError for an architecture this package does not know, or a key that is not read
 */
export function huggingFaceLayout(value: unknown, where: string, sentence?: SentenceModules): ForeignLayout {
  const type = (value as { model_type?: unknown } | null)?.model_type;
  const family = typeof type === 'string' && Object.hasOwn(families, type) ? families[type] : undefined;
  if (family) return family(value, where, sentence);
  const reason = typeof type === 'string' && Object.hasOwn(reasons, type) ? `: ${reasons[type]}` : '';
  throw new ConfigError(
    `${where}: unknown architecture ${shown(type ?? null)} (model_type)${reason}. Known are ` +
      `${Object.keys(families).join(', ')}; other layouts of the same parts can be read with an adapter recipe.`,
  );
}
