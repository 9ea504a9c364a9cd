import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { problems, shown } from '../untrusted/index.ts';
import { checkSteps, type PictureSteps } from './picture-steps.ts';

/** How bytes become a model's values: (byte / 255 - mean) / deviation, by channel. */
interface Arithmetic {
  readonly mean: number[];
  readonly deviation: number[];
}

/** What a preprocessor_config.json comes to. */
export interface ImageProcessor {
  readonly steps: PictureSteps;
  readonly normalise: Arithmetic;
}

const side = z
  .int()
  .positive()
  .max(2 ** 14);
const sizeSchema = z.union([
  side,
  z.tuple([side, side]),
  z.strictObject({ height: side, width: side }),
  z.strictObject({ shortest_edge: side }),
  z.strictObject({ shortest_edge: side, longest_edge: side }),
  z.strictObject({ max_height: side, max_width: side }),
]);
type Size = z.infer<typeof sizeSchema>;
const perChannel = z.union([z.array(z.number()).min(1).max(4), z.number()]);
/** A key that has to be off, or absent: what it turns on is not done. */
const off = z.union([z.literal(false), z.null()]).optional();

const schema = z.strictObject({
  image_processor_type: z.string().nullish(),
  /** The older name of the same. */
  feature_extractor_type: z.string().nullish(),
  do_resize: z.boolean().nullish(),
  size: sizeSchema.nullish(),
  default_to_square: z.boolean().nullish(),
  /** PIL's numbers: nearest, lanczos, bilinear, bicubic, box, hamming. */
  resample: z.int().min(0).max(5).nullish(),
  do_center_crop: z.boolean().nullish(),
  crop_size: sizeSchema.nullish(),
  do_rescale: z.boolean().nullish(),
  rescale_factor: z.number().nullish(),
  rescale_offset: z.boolean().nullish(),
  /** Older files call it so. */
  offset: z.boolean().nullish(),
  do_normalize: z.boolean().nullish(),
  image_mean: perChannel.nullish(),
  image_std: perChannel.nullish(),
  do_convert_rgb: z.boolean().nullish(),
  // What changes other things than the pixels of one picture.
  processor_class: z.string().nullish(),
  return_tensors: z.unknown().optional(),
  data_format: z.enum(['channels_first']).nullish(),
  input_data_format: z.unknown().optional(),
  device: z.unknown().optional(),
  disable_grouping: z.unknown().optional(),
  image_seq_length: z.unknown().optional(),
  do_reduce_labels: z.unknown().optional(),
  reduce_labels: z.unknown().optional(),
  _processor_class: z.unknown().optional(),
  _valid_processor_keys: z.unknown().optional(),
  backend: z.unknown().optional(),
  // What is not done here.
  do_pad: off,
  pad_size: z.unknown().optional(),
  do_thumbnail: off,
  do_align_long_axis: off,
  do_flip_channel_order: off,
  include_top: off,
  use_square_size: off,
});
type Fields = z.infer<typeof schema>;

const half = [0.5, 0.5, 0.5];
const imageNet = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
const clip = { mean: [0.48145466, 0.4578275, 0.40821073], deviation: [0.26862954, 0.26130258, 0.27577711] };

interface Defaults {
  readonly size: Size;
  readonly resample: number;
  readonly crop?: Size;
  readonly mean: number[];
  readonly deviation: number[];
  readonly rgb?: boolean;
  readonly offset?: boolean;
}

/** What each class does where its file does not say, from transformers; whose other steps are those done here. */
const classes = new Map<string, Defaults>([
  ['ViT', { size: 224, resample: 2, mean: half, deviation: half }],
  ['DeiT', { size: 256, resample: 3, crop: 224, mean: half, deviation: half }],
  ['Beit', { size: 224, resample: 3, mean: half, deviation: half }],
  ['CLIP', { size: { shortest_edge: 224 }, resample: 3, crop: 224, ...clip, rgb: true }],
  ['Bit', { size: { shortest_edge: 224 }, resample: 3, crop: 224, ...clip, rgb: true }],
  ['Siglip', { size: 224, resample: 3, mean: half, deviation: half }],
  ['Pvt', { size: 224, resample: 2, ...imageNet }],
  ['MobileNetV2', { size: { shortest_edge: 256 }, resample: 2, crop: 224, mean: half, deviation: half }],
]);

const filters = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const;

/**
 * A preprocessor_config.json as steps on a picture and arithmetic on its bytes: every key is used, or at a value that
 * changes nothing.
 * @param value undefined where a folder has none: a ViT's defaults at the model's own size
 * @throws ConfigError naming a key that is not known, or asks for what is not done here
 */
export function parseImageProcessor(
  value: unknown,
  model: { readonly channels: number; readonly height: number; readonly width: number },
  where: string,
): ImageProcessor {
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new ConfigError(`${where} asks for what is not done to pictures here:\n${problems(parsed.error, value)}`);
  const fields = parsed.data;
  const defaults = defaultsOf(fields, where);
  const steps = stepsOf(fields, defaults, where);
  checkSteps(steps, model, where);
  return { steps, normalise: arithmeticOf(fields, defaults, model.channels, where) };
}

function defaultsOf(fields: Fields, where: string): Defaults {
  const name = fields.image_processor_type ?? fields.feature_extractor_type ?? 'ViTImageProcessor';
  const known = classes.get(name.replace(/(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/, ''));
  if (!known)
    throw new ConfigError(
      `${where} is of the class ${shown(name)}; known are those of ${[...classes.keys()].join(', ')}: prepare the pictures yourself, and give their values.`,
    );
  return known;
}

function stepsOf(fields: Fields, defaults: Defaults, where: string): PictureSteps {
  const size = fields.size ?? defaults.size;
  const resizes = fields.do_resize ?? true;
  const crops = fields.do_center_crop ?? (fields.do_center_crop === undefined && defaults.crop !== undefined);
  const square = fields.default_to_square ?? (typeof defaults.size === 'number' || 'height' in defaults.size);
  const filter = filters[fields.resample ?? defaults.resample]!;
  return {
    ...(resizes && { resize: { to: targetOf(size, square), filter } }),
    ...(crops && { crop: cropOf(fields.crop_size ?? defaults.crop, where) }),
    ...((fields.do_convert_rgb ?? defaults.rgb) && { background: 'white' as const }),
  };
}

type Target = NonNullable<PictureSteps['resize']>['to'];

function targetOf(size: Size, square: boolean): Target {
  if (typeof size === 'number') return square ? { height: size, width: size } : { shortest: size };
  if (Array.isArray(size)) return { height: size[0], width: size[1] };
  if ('height' in size) return size;
  if ('max_height' in size) return { maxHeight: size.max_height, maxWidth: size.max_width };
  return { shortest: size.shortest_edge, ...('longest_edge' in size && { longest: size.longest_edge }) };
}

function cropOf(size: Size | undefined, where: string): { height: number; width: number } {
  const target = size === undefined ? undefined : targetOf(size, true);
  if (!target || !('height' in target))
    throw new ConfigError(`${where} cuts out the middle (do_center_crop), and its crop_size has no height and width.`);
  return target;
}

function arithmeticOf(fields: Fields, defaults: Defaults, channels: number, where: string): Arithmetic {
  const rescales = fields.do_rescale ?? true;
  const factor = rescales ? (fields.rescale_factor ?? 1 / 255) : 1;
  if (factor === 0) throw new ConfigError(`${where} has the rescale_factor 0: every picture would be the same.`);
  const shift = rescales && (fields.rescale_offset ?? fields.offset) ? 1 : 0;
  const normalises = fields.do_normalize ?? true;
  const values = (name: 'image_mean' | 'image_std', standard: number[], neutral: number) => {
    const given = normalises ? (fields[name] ?? standard) : neutral;
    const list = typeof given === 'number' ? new Array<number>(channels).fill(given) : given;
    if (list.length !== channels)
      throw new ConfigError(
        `${where} has ${list.length} values of ${name}: the model has ${channels} channels, one for each is needed.`,
      );
    return list;
  };
  const mean = values('image_mean', defaults.mean, 0);
  const deviation = values('image_std', defaults.deviation, 1);
  if (deviation.some((value) => value * factor <= 0))
    throw new ConfigError(`${where} has an image_std that is not above 0: ${shown(deviation)}.`);
  // (byte * factor - shift - mean) / deviation, written with byte / 255.
  const unit = 255 * factor;
  return { mean: mean.map((value) => (value + shift) / unit), deviation: deviation.map((value) => value / unit) };
}
