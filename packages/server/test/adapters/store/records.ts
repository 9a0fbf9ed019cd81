import { parseJson, type JsonObject } from '@confidant/contract';
import { randomUUID } from 'node:crypto';
import { instantOf, type Instant } from '../../../src/domain/instant.js';
import type { BlindCredential, Credential, Service } from '../../../src/domain/records.js';

/** Returns the time `n` microseconds after the start of the tests' day. */
export const at = (n: number): Instant => instantOf(Date.UTC(2026, 10, 21) * 1000 + n);

export const newId = (): string => randomUUID().replaceAll('-', '');

export function credential(fields: Partial<Credential> = {}): Credential {
  const id = fields.id ?? newId();
  return {
    id,
    revision: 1,
    enabled: true,
    modifiedBy: 'alice',
    modifiedDate: at(1),
    name: `credential ${id}`,
    tags: [],
    metadata: {},
    documentation: null,
    lastRotationDate: at(0),
    lastDecryptedDate: null,
    sealed: { token: 'gAAAAABrAh1P', dataKey: 'TEtNUzH5KNw=', cipherVersion: 2 },
    ...fields,
  };
}

export function blindCredential(fields: Partial<BlindCredential> = {}): BlindCredential {
  const id = fields.id ?? newId();
  return {
    id,
    revision: 1,
    enabled: true,
    modifiedBy: 'alice',
    modifiedDate: at(1),
    name: `blind ${id}`,
    credentialPairs: { 'us-east-1': 'gAAAAA-east', 'us-west-2': 'gAAAAA-west' },
    dataKey: { 'us-east-1': 'ZGsx', 'us-west-2': 'ZGsy' },
    credentialKeys: ['one', 'two'],
    cipherType: 'fernet',
    cipherVersion: 2,
    metadata: { context: { 'us-east-1': { to: 'x' } } },
    documentation: null,
    ...fields,
  };
}

export function service(fields: Partial<Service> = {}): Service {
  return {
    id: `svc-${newId()}`,
    revision: 1,
    enabled: true,
    modifiedBy: 'alice',
    modifiedDate: at(1),
    credentials: [],
    blindCredentials: [],
    account: null,
    ...fields,
  };
}

/** Text and numbers that a careless store would change. */
export const AWKWARD_METADATA = parseJson(
  String.raw`{"id": 12345678901234567890, "ratio": 1.0, "tiny": 1e-9, "minus": -0, "text": "ünï \"q\" \\ \u2028 \n\u0000 😀", "nested": {"a": [1, 2, null, true]}, "9": "later", "__proto__": "no", "empty": {}}`,
) as JsonObject;
