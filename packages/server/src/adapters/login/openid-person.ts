import { emailOf, groupsOf, nameOf, type Person } from '../../domain/person.js';
import { Refusal } from '../../domain/refusal.js';

/** Claims as they came: those of an ID token, or of the userinfo endpoint. */
export type Claims = Readonly<Record<string, unknown>>;

/** Which claims describe a person. */
export interface ClaimRules {
  /** The names of the claims to read. */
  claims: { email: string; firstName: string; lastName: string; groups: string };
  /** Also accepts an e-mail when the provider does not say whether it verified it. */
  trustUnverifiedEmail: boolean;
}

/**
 * The person who logged in. Many providers put everything into the ID token; what it lacks is read from the userinfo
 * endpoint, which is not asked otherwise.
 *
 * @throws Refusal `login_failed` when the address is not usable or not verified, or when the groups may be incomplete
 */
export async function personOf(rules: ClaimRules, idToken: Claims, userInfo: () => Promise<Claims>): Promise<Person> {
  const { claims, trustUnverifiedEmail } = rules;
  assertAllGroups(idToken, claims.groups);
  const wanted = [...Object.values(claims), ...(trustUnverifiedEmail ? [] : ['email_verified'])];
  const more = wanted.some((name) => isMissing(idToken[name])) ? await userInfo() : {};
  assertAllGroups(more, claims.groups);

  const claim = (name: string): unknown => idToken[name] ?? more[name];
  const email = emailOf(claim(claims.email));
  if (email === undefined) throw new Refusal('login_failed', 'The login provider gave no usable e-mail address.');
  if (!isVerified(rules, email, [idToken, more])) {
    throw new Refusal('login_failed', 'The login provider has not verified your e-mail address.');
  }
  const groups = groupsOf(claim(claims.groups));
  if (groups === undefined) {
    throw new Refusal('login_failed', 'The login provider named too many groups, or groups that are not names.');
  }
  return { email, firstName: nameOf(claim(claims.firstName)), lastName: nameOf(claim(claims.lastName)), groups };
}

/**
 * Whether the provider has verified the address. A source that names another address says nothing about this one, and
 * one that calls it unverified wins.
 */
function isVerified({ claims, trustUnverifiedEmail }: ClaimRules, email: string, sources: readonly Claims[]): boolean {
  const about = sources.filter((source) => isMissing(source[claims.email]) || emailOf(source[claims.email]) === email);
  const said = about.map((source) => source['email_verified']).filter((verified) => !isMissing(verified));
  if (said.length === 0) return trustUnverifiedEmail;
  return said.every((verified) => verified === true || verified === 'true');
}

/**
 * Refuses claims that say that the groups are elsewhere: by `_claim_names` (OpenID Connect Core 5.6.2, Entra ID's
 * "groups overage"), or as Entra ID does in tokens without room for that, by `hasgroups` or a claim like `groups:src1`.
 */
function assertAllGroups(source: Claims, groups: string): void {
  // Sources without names could be of any claim.
  const elsewhere = source['_claim_names'] ?? (isMissing(source['_claim_sources']) ? undefined : 'unnamed');
  const isElsewhere =
    !isMissing(elsewhere) && (typeof elsewhere !== 'object' || Array.isArray(elsewhere) || groups in elsewhere);
  const hasMore =
    !isMissing(source['hasgroups']) &&
    !['false', '0'].includes(String(source['hasgroups'])) &&
    (groups === 'groups' || isMissing(source[groups]));
  if (isElsewhere || hasMore || Object.keys(source).some((name) => name.startsWith(`${groups}:src`))) {
    throw new Refusal(
      'login_failed',
      'You are in more groups than the login provider puts into a login. An administrator can have it send only the groups that Confidant needs.',
    );
  }
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null;
}
