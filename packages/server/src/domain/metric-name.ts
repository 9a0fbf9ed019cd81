/** Longest part and longest name that are sent; statsd servers and file systems behind them have limits near 250. */
const MAX_PART = 64;
const MAX_NAME = 200;

/**
 * One part of a metric's name from outside: an environment, a key id, a caller's name. compat: the original put them in
 * as they came, and an e-mail's dots made levels of their own, `:` and `|` broke the line.
 */
export function metricPart(text: string): string {
  const safe = text.slice(0, MAX_PART).replace(/[^\w-]/g, '_');
  return safe === '' ? '_' : safe;
}

/** A whole name, dots included, fit to be sent: whatever the caller composed it of. */
export function metricName(name: string): string {
  return name.slice(0, MAX_NAME).replace(/[^\w.-]/g, '_');
}
