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
 * For a caller who may not `get` the credential, pairs that are sent always count as new: otherwise the date, and the
 * comparison of the revisions, would confirm a guess.
 *
 * @throws Refusal what {@link appliedPairs} throws
 * @throws Unreadable when some pairs of a credential that cannot be read are to change
 */
export async function changedPairs(
  app: App,
  current: Credential,
  change: PairsChange | undefined,
  { mayGet }: { mayGet: boolean },
): Promise<{ pairs: Pairs; sealed: SealedPairs; lastRotationDate: Instant | null }> {
  const stored = await app.sealer.open(current.id, current.sealed).catch((error: unknown) => {
    if (change !== undefined && 'all' in change && error instanceof Unreadable) return undefined;
    throw error;
  });
  const pairs = change === undefined ? stored! : appliedPairs(stored ?? {}, change);
  const isUnchanged = change === undefined || (mayGet && stored !== undefined && samePairs(stored, pairs));
  if (stored !== undefined && isUnchanged) {
    return { pairs: stored, sealed: current.sealed, lastRotationDate: current.lastRotationDate };
  }
  return { pairs, sealed: await app.sealer.seal(current.id, pairs), lastRotationDate: app.clock.now() };
}

/**
 * Whether two revisions differ in nothing that a revert would bring back. To a caller who may not `get` the credential,
 * pairs that were written anew differ, whatever their values are.
 */
export async function hasSameContent(
  app: App,
  current: Credential,
  old: Credential,
  { oldPairs, mayGet }: { oldPairs: Pairs; mayGet: boolean },
): Promise<boolean> {
  const metadata = ({ name, enabled, documentation, metadata, tags }: Credential): string =>
    stringifyJson([name, enabled, documentation, metadata, tags]);
  if (metadata(current) !== metadata(old)) return false;
  if (current.sealed.token === old.sealed.token) return true;
  if (!mayGet) return false;
  return samePairs(await app.sealer.open(current.id, current.sealed), oldPairs);
}
