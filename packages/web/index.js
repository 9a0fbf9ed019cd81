import { fileURLToPath } from 'node:url';

export const directory = fileURLToPath(new URL('./dist/', import.meta.url));
