import { ConfigError } from '@cipherformer/model';
import { shown } from '@cipherformer/model/untrusted';
import { bert } from './bert.ts';
import type { Family, ForeignLayout } from './family.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { vit } from './vit.ts';

/** The Hugging Face families that are read directly, by the `model_type` of their config.json. */
const families: Readonly<Record<string, Family>> = { vit, bert, gpt2, llama };

/** Interprets a Hugging Face config.json. @throws ConfigError for an architecture this package does not know */
export function huggingFaceLayout(value: unknown, where: string): ForeignLayout {
  const type = (value as { model_type?: unknown } | null)?.model_type;
  const family = typeof type === 'string' && Object.hasOwn(families, type) ? families[type] : undefined;
  if (!family) {
    throw new ConfigError(
      `${where}: unknown architecture ${shown(type ?? null)} (model_type). Known are ` +
        `${Object.keys(families).join(', ')}; other layouts of the same parts can be read with an adapter recipe.`,
    );
  }
  return family(value, where);
}
