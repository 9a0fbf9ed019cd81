/** Everything for sending tokens, without verification and data keys: it loads faster, for short-lived programs. */
export * from './kms.js';
export { TokenGenerator } from './generator.js';
export { awsKms } from './aws.js';
export { ProxyError } from './proxy-error.js';
