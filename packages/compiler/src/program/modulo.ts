/** steps modulo slots, in [0, slots). */
export function modulo(steps: number, slots: number): number {
  return ((steps % slots) + slots) % slots;
}
