export { inverseMod, isPrime, maxPrimeBits, takePrimes } from './primes.ts';
export { type Basis, checkGalois, conjugationElement, galoisElement, inverseGalois, Ring } from './ring.ts';
