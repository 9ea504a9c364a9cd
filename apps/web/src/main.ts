import { startPage } from './page.ts';

startPage(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));
