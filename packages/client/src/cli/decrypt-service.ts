import type { ServiceBody } from '@confidant/contract';
import { openBlindCredential } from '../sdk/blind-credentials.js';
import type { Connection } from '../sdk/connect.js';
import type { OpenedBlindCredential } from './output/outcome.js';

/** Decrypts the blind credentials of a service, into `decrypted_credential_pairs`. Rejects with BlindCredentialError. */
export async function decryptBlind(service: ServiceBody, { region, kmsFor }: Connection): Promise<void> {
  if (service.blind_credentials.length === 0) return;
  const here = await region();
  await Promise.all(
    service.blind_credentials.map(async (credential) => {
      const opened = await openBlindCredential(credential, here, kmsFor);
      (credential as unknown as OpenedBlindCredential).decrypted_credential_pairs = opened;
    }),
  );
}
