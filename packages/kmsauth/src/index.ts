export * from './kms.js';
