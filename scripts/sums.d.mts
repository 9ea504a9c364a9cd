import type { Plugin } from 'vite';

/** Lists what a build wrote with its SHA-256, in SHA256SUMS beside it. */
export declare const sums: Plugin;
