export { inverseMod, isPrime, maxPrimeBits, takePrimes } from './primes.ts';
export { type Basis, conjugationElement, galoisElement, inverseGalois, Ring } from './ring.ts';
