import { CRYPTO_OPERATIONS } from './kms-crypto-operations.js';
import { GRANT_OPERATIONS } from './kms-grant-operations.js';
import { KEY_OPERATIONS } from './kms-key-operations.js';
import type { Operation } from './kms-operation.js';

/**
 * The operations of KMS that the embedded endpoint speaks, in AWS's JSON shapes, by the name that follows
 * `TrentService.` in X-Amz-Target. They reject with KmsRefused and AWS's error names. Features of AWS that the keyring
 * lacks (asymmetric keys, policies, retiring principals, dry runs ...) are refused, never ignored: a request that works
 * here must mean the same on AWS.
 */
export const KMS_OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ...CRYPTO_OPERATIONS,
  ...KEY_OPERATIONS,
  ...GRANT_OPERATIONS,
]);
