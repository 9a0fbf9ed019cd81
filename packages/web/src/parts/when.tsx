import { Plain } from './marks.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** An instant as the time since then, with the exact one on hover and for screen readers. */
export function When({ date }: { date: string | null }) {
  const instant = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(instant)) return <span>at an unknown time</span>;
  const exact = new Date(instant).toISOString().replace('T', ' ').slice(0, 19);
  return (
    <time dateTime={new Date(instant).toISOString()} title={`${exact} UTC`}>
      {ago(instant, Date.now())}
    </time>
  );
}

export function ago(instant: number, now: number): string {
  const passed = now - instant;
  if (passed < MINUTE) return 'just now';
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min ago`;
  if (passed < DAY) return `${Math.floor(passed / HOUR)} h ago`;
  const days = Math.floor(passed / DAY);
  if (days === 1) return 'yesterday';
  if (days < 60) return `${days} days ago`;
  return new Date(instant).toISOString().slice(0, 10);
}

/** Whole days until a date, rounded away from now: negative when it has passed. */
export function daysUntil(date: string, now: number): number {
  const days = (Date.parse(date) - now) / DAY;
  return days < 0 ? Math.floor(days) : Math.ceil(days);
}

/** When new values are due. */
export function Due({ date }: { date: string | null }) {
  if (date === null || Number.isNaN(Date.parse(date))) return <span className="quiet">never</span>;
  const days = daysUntil(date, Date.now());
  if (days < 0) return <span className="late">late by {count(-days, 'day')}</span>;
  return <span className={days <= 14 ? 'soon' : 'far'}>in {count(days, 'day')}</span>;
}

/** `1 key`, `2 keys`. */
export function count(n: number, thing: string): string {
  return `${n.toLocaleString('en')} ${thing}${n === 1 ? '' : 's'}`;
}

export function By({ name }: { name: string | null }) {
  return name === null ? <span className="quiet">nobody known</span> : <Plain text={name} />;
}
