import type { CaSettings } from './ca-settings.js';
import type { SamlSettings } from './saml.js';
import type { SettingValues } from './settings.js';

/** The value of every setting, and what follows from them. */
export type Settings = SettingValues & {
  /**
   * What the server keeps its rows and keys in. `aws`: DynamoDB and AWS KMS, selected by DYNAMODB_TABLE. `embedded`:
   * SQLite and a keyring of its own in CONFIDANT_DATA_DIR.
   */
  readonly kind: 'embedded' | 'aws';
  /** One for each name in ACM_PRIVATE_CAS; empty where CA_TYPE selects other authorities. */
  readonly acmPrivateCas: readonly CaSettings[];
  /** Undefined where people do not log in with SAML. */
  readonly saml: SamlSettings | undefined;
};
