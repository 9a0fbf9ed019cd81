import type { Scalar } from '@confidant/contract';
import type { ValueSource } from '../../text/variables.js';
import type { OpenedBlindCredential, OutcomeBody } from './outcome.js';

/** The values in a body; of blind credentials those that were decrypted. */
export function sourcesOf({ service, credential, blind_credential: blind }: OutcomeBody): ValueSource[] {
  const plain = [...(service?.credentials ?? []), ...(credential === undefined ? [] : [credential])];
  const blinds: OpenedBlindCredential[] = [
    ...((service?.blind_credentials ?? []) as OpenedBlindCredential[]),
    ...(blind === undefined ? [] : [blind]),
  ];
  return [
    ...plain.map(({ id, name, credential_pairs: pairs }) => ({ id, name, pairs })),
    ...blinds.map(({ id, name, decrypted_credential_pairs: pairs }) => ({
      id,
      name,
      pairs: (pairs ?? {}) as Record<string, Scalar>,
    })),
  ];
}
