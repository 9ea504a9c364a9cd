import { ConfigError } from '@cipherformer/model';

/** What JSON.parse gives. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/**
 * JSON merge patch (RFC 7396): members of the patch replace those of the target, null removes, objects are merged in
 * depth, arrays are replaced whole. One addition: an array of objects with names (the stages of a recipe) takes an
 * object as its patch, by name, so that one stage can be changed or removed without repeating the others.
 * @throws ConfigError when a patch names an element that is not there; `where` says in which file
 */
export function mergePatch(target: Json, patch: Json, where: string): Json {
  if (!isObject(patch)) return patch;
  if (isNamedArray(target)) return patchNamed(target, patch, where);
  const result: Record<string, Json> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key] ?? null, value, where);
  }
  return result;
}

function patchNamed(target: readonly JsonObject[], patch: JsonObject, where: string): Json {
  const names = target.map(({ name }) => name);
  const unknown = Object.keys(patch).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(`${where}: the patch changes "${unknown}", but there are only ${names.join(', ')}.`);
  }
  return target.flatMap((element) => {
    const change = patch[element.name as string];
    if (change === undefined) return [element];
    return change === null ? [] : [mergePatch(element, change, where)];
  });
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isNamedArray = (value: Json): value is readonly JsonObject[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => isObject(item) && typeof item.name === 'string');
