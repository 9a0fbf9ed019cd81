export * from './kms.js';
export { FernetError, FernetKey } from './fernet.js';
export { formatUsername, parseUsername, tokenContext } from './token.js';
export type { TokenUsername, TokenVersion } from './token.js';
