/** A person as a login provider describes them. */
export interface Person {
  /** The identity. Lower case: providers differ in how they write it, and so do lists of people (bug 10). */
  email: string;
  firstName: string | null;
  lastName: string | null;
  /** Groups the provider knows the person to be in; the access policy reads them. */
  groups: readonly string[];
}

/** Maximum length of an e-mail address (an RFC 5321 path without the brackets). */
const MAX_EMAIL_LENGTH = 254;
/** Maximum number of groups that a session may carry. */
const MAX_GROUPS = 1000;
const MAX_TEXT_LENGTH = 256;

/**
 * One address in lower case; undefined for anything else. Strict on purpose: a value with spaces, commas or brackets is
 * several addresses, or a name with an address, and reading only a part of it would mistake the person.
 */
export function emailOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_EMAIL_LENGTH) return undefined;
  const email = value.trim();
  // ASCII alone: lower-casing other letters can turn two addresses into one (the Kelvin sign becomes k).
  return /^[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(email) ? email.toLowerCase() : undefined;
}

/** A name for display: one line of bounded length; null if there is none. */
export function nameOf(value: unknown): string | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof first !== 'string') return null;
  // oxlint-disable-next-line no-control-regex
  const name = first.replace(/[\u0000-\u001f\u007f]/g, '').trim();
  return name === '' ? null : name.slice(0, MAX_TEXT_LENGTH);
}

/**
 * Group names, sorted, without duplicates and in Unicode's composed form (NFC). A single text counts as one group, and
 * whole numbers as their digits. Undefined when there are more groups, or longer names, than a session may carry, or
 * when an entry is not a name: leaving some out could allow what a rule denies to their members.
 */
export function groupsOf(value: unknown): readonly string[] | undefined {
  const list: unknown[] = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  const groups = list.map((group) => (Number.isSafeInteger(group) ? String(group as number) : group));
  if (groups.length > MAX_GROUPS || !groups.every(isGroupName)) return undefined;
  return [...new Set(groups.filter((group) => group !== '').map((group) => group.normalize('NFC')))].sort();
}

function isGroupName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT_LENGTH;
}

/** The conditions for people to log in; both must hold. */
export interface Admission {
  /** Required end of the e-mail address; empty allows any. */
  emailSuffix: string;
  /** The people of USERS_FILE, in lower case; undefined if there is no list. Throws when the list cannot be read. */
  listed: () => ReadonlySet<string> | undefined;
}

/** Whether this person may use the server, asked at login and again at every request. */
export function isAdmitted({ emailSuffix, listed }: Admission, email: string): boolean {
  if (!email.endsWith(emailSuffix.toLowerCase())) return false;
  return listed()?.has(email) ?? true;
}
