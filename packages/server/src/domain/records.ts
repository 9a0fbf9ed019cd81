import type { JsonObject } from '@confidant/contract';
import type { Instant } from './instant.js';

/** The kinds of rows; an archived revision has the type `archive-` and its kind. */
export type Kind = 'credential' | 'blind-credential' | 'service';

/** The fields of every revision of every kind. `id` never includes the revision. */
interface Revision {
  id: string;
  /** 1 for the first; numbers may have gaps. */
  revision: number;
  enabled: boolean;
  modifiedBy: string | null;
  modifiedDate: Instant | null;
}

/** The pairs of a credential as they are stored: ciphertext. Only a Sealer turns it into {@link Pairs} and back. */
export interface SealedPairs {
  /** Fernet token over the JSON text of the pairs. */
  token: string;
  /** Base64 text of the KMS ciphertext of the data key. */
  dataKey: string;
  cipherVersion: number;
}

/** Everything of a credential except its pairs, as lists show it. */
export interface CredentialMetadata extends Revision {
  name: string;
  tags: readonly string[];
  metadata: JsonObject;
  documentation: string | null;
  lastRotationDate: Instant | null;
  lastDecryptedDate: Instant | null;
}

export interface Credential extends CredentialMetadata {
  sealed: SealedPairs;
}

/** Everything of a blind credential except its ciphertext. */
export interface BlindCredentialMetadata extends Revision {
  name: string;
  credentialKeys: readonly string[];
  cipherType: string | null;
  cipherVersion: number | null;
  metadata: JsonObject;
  documentation: string | null;
}

/** Encrypted pairs and data keys by region. The server holds no key to them. */
export interface BlindCiphertext {
  credentialPairs: Readonly<Record<string, string>>;
  dataKey: Readonly<Record<string, string>>;
}

/** A credential that a person encrypted for a service. */
export interface BlindCredential extends BlindCredentialMetadata, BlindCiphertext {}

export interface Service extends Revision {
  credentials: readonly string[];
  blindCredentials: readonly string[];
  account: string | null;
}

export interface Records {
  credential: Credential;
  'blind-credential': BlindCredential;
  service: Service;
}

/** The records in lists: credentials without their ciphertext. */
export interface Listed {
  credential: CredentialMetadata;
  'blind-credential': BlindCredential;
  service: Service;
}
