import { ConfigError } from '@cipherformer/model';
import { listed } from '@cipherformer/model/untrusted';
import type { Columns } from './source.ts';

/** Names that columns usually have, the likeliest first. */
const usual = {
  text: [
    'text',
    'sentence',
    'review',
    'content',
    'comment',
    'tweet',
    'message',
    'body',
    'document',
    'question',
    'title',
  ],
  image: ['image', 'img', 'picture', 'photo'],
  label: ['label', 'labels', 'class', 'category', 'target', 'sentiment', 'fine_label', 'topic', 'rating', 'y'],
} as const;

/**
 * The columns that count: those that were asked for, else those with usual names, whatever their case; the label may also be
 * the only column beside the input and numbers of rows. A table of more columns, none of a usual name, has no labels.
 * @throws ConfigError naming the columns that there are: where one is asked for and missing, or no text and no image is found
 */
export function chooseColumns(names: readonly string[], asked: Columns, where: string): Columns {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new ConfigError(`${where} names two columns ${listed([twice])}: rename one.`);
  const find = (kind: keyof typeof usual): string | undefined => {
    const wanted = asked[kind];
    if (wanted === undefined)
      return usual[kind].map((name) => names.find((one) => one.trim().toLowerCase() === name)).find(Boolean);
    if (names.includes(wanted)) return wanted;
    throw new ConfigError(`${where} has no column ${listed([wanted])}; it has ${listed(names)}.`);
  };
  const only = asked.text !== undefined ? 'text' : asked.image !== undefined ? 'image' : undefined;
  const image = only === 'text' ? undefined : find('image');
  const text = only === 'image' || (only === undefined && image !== undefined) ? undefined : find('text');
  if (text === undefined && image === undefined)
    throw new ConfigError(`${where} has the columns ${listed(names)}: say which is the text, or the image.`);
  if (asked.unlabelled) return { text, image };
  return { text, image, label: find('label') ?? onlyOther(names, [text, image]) };
}

/** Columns that number rows, and say nothing of them. */
const numbering = /^(id|idx|index|unnamed: \d+|)$/i;

/** Beside the inputs one column alone: what else than the label? */
function onlyOther(names: readonly string[], inputs: readonly (string | undefined)[]): string | undefined {
  const others = names.filter((name) => !inputs.includes(name) && !numbering.test(name.trim()));
  return others.length === 1 ? others[0] : undefined;
}
