/** steps modulo slots, in [0, slots). */
export function modulo(steps: number, slots: number): number {
  return ((steps % slots) + slots) % slots;
}

export function nextPowerOfTwo(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}

export function isPowerOfTwo(value: number): boolean {
  return value >= 1 && nextPowerOfTwo(value) === value;
}
