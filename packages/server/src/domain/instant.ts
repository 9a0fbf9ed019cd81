/**
 * An instant in the form rows hold it: `2026-11-21T21:41:10.779956+0000`. Exactly six fraction digits and `+0000`,
 * or the original cannot read the row. In this form instants sort as text.
 */
export type Instant = string & { readonly __instant: unique symbol };

const STORED_FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}\+0000$/;

/** Parses a stored date; undefined if it has another form. */
export function parseInstant(text: string): Instant | undefined {
  return STORED_FORM.test(text) ? (text as Instant) : undefined;
}

/** The instant `microseconds` after the epoch (a whole number). */
export function instantOf(microseconds: number): Instant {
  const milliseconds = Math.floor(microseconds / 1000);
  const rest = String(microseconds - milliseconds * 1000).padStart(3, '0');
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${rest}+0000` as Instant;
}

/** Microseconds since the epoch. */
export function microsecondsOf(instant: Instant): number {
  return Date.parse(`${instant.slice(0, 23)}Z`) * 1000 + Number(instant.slice(23, 26));
}

/** Adds days, which may be negative; the microseconds are kept. */
export function addDays(instant: Instant, days: number): Instant {
  return instantOf(microsecondsOf(instant) + days * 86_400_000_000);
}

/** Formats an instant as JSON responses show it: `2026-11-21T21:41:10.779956+00:00`. */
export function toIso(instant: Instant): string {
  return `${instant.slice(0, 26)}+00:00`;
}

/** Formats an instant as diffs and blind credentials show it (compat): `Sat, 21 Nov 2026 21:41:10 GMT`. */
export function toRfc1123(instant: Instant): string {
  return new Date(Date.parse(`${instant.slice(0, 19)}Z`)).toUTCString();
}
