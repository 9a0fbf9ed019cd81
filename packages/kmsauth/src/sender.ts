/** What it takes to send tokens, without what verifies them or opens data keys: for programs that run briefly. */
export * from './kms.js';
export { TokenGenerator } from './generator.js';
export { awsKms } from './aws.js';
export { ProxyError } from './proxy-error.js';
