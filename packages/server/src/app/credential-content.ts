import { stringifyJson } from '@confidant/contract';
import type { Instant } from '../domain/instant.js';
import { appliedPairs, type Pairs, type PairsChange, samePairs } from '../domain/pairs.js';
import type { Credential, SealedPairs } from '../domain/records.js';
import { Unreadable } from '../ports/sealer.js';
import type { App } from './app.js';

/**
 * The pairs after an update, and the fields of the row that change with them. Pairs that stay the same keep their
 * ciphertext, their data key and their rotation date; pairs that can no longer be read count as changed by an update of
 * all of them, which repairs them.
 *
 * @throws Refusal what {@link appliedPairs} throws
 * @throws Unreadable when some pairs of a credential that cannot be read are to change
 */
export async function changedPairs(
  app: App,
  current: Credential,
  change: PairsChange | undefined,
): Promise<{ pairs: Pairs; sealed: SealedPairs; lastRotationDate: Instant | null }> {
  const stored = await app.sealer.open(current.id, current.sealed).catch((error: unknown) => {
    if (change !== undefined && 'all' in change && error instanceof Unreadable) return undefined;
    throw error;
  });
  const pairs = change === undefined ? stored! : appliedPairs(stored ?? {}, change);
  if (stored !== undefined && samePairs(stored, pairs)) {
    return { pairs: stored, sealed: current.sealed, lastRotationDate: current.lastRotationDate };
  }
  return { pairs, sealed: await app.sealer.seal(current.id, pairs), lastRotationDate: app.clock.now() };
}

/** Whether two revisions differ in nothing that a revert would bring back. */
export async function hasSameContent(
  app: App,
  current: Credential,
  old: Credential,
  oldPairs: Pairs,
): Promise<boolean> {
  const metadata = ({ name, enabled, documentation, metadata, tags }: Credential): string =>
    stringifyJson([name, enabled, documentation, metadata, tags]);
  if (metadata(current) !== metadata(old)) return false;
  if (current.sealed.token === old.sealed.token) return true;
  return samePairs(await app.sealer.open(current.id, current.sealed), oldPairs);
}
