import { addDays, type Instant } from './instant.js';
import type { CredentialMetadata } from './records.js';

/** When credentials must be rotated. Days are whole. */
export interface RotationPolicy {
  /** 0 means never due, unless a tag says otherwise (bug 20). */
  maximumDays: number;
  daysByTag: Readonly<Record<string, number>>;
  excludingTags: readonly string[];
}

/**
 * The instant by which a credential is due; null when it never is. Depends on the stored state alone, never on the
 * present: clients compare responses byte for byte.
 *
 * compat: a credential whose values a person has seen since its last rotation is due from that moment on.
 */
export function nextRotation(credential: CredentialMetadata, policy: RotationPolicy): Instant | null {
  const { tags, lastRotationDate, lastDecryptedDate } = credential;
  if (lastRotationDate === null || tags.some((tag) => policy.excludingTags.includes(tag))) return null;
  if (lastDecryptedDate !== null && lastDecryptedDate > lastRotationDate) return lastDecryptedDate;
  const days = tags.flatMap((tag) => (Object.hasOwn(policy.daysByTag, tag) ? [policy.daysByTag[tag]!] : []));
  if (policy.maximumDays > 0) days.push(policy.maximumDays);
  return days.length === 0 ? null : addDays(lastRotationDate, Math.min(...days));
}
