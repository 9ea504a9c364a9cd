/** A service by its address: origin and path, without a slash at its end. */
export function serviceOf(url: string | URL): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/$/, '');
}
