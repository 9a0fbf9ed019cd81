/** Maximum lengths of a part and of a name: statsd servers and file systems behind them have limits near 250. */
const MAX_PART = 64;
const MAX_NAME = 200;

/**
 * Makes text from outside (an environment, a key id, a caller's name) safe as one part of a metric's name. compat: the
 * original used it unchanged: dots of an e-mail address became levels, and `:` and `|` broke the line.
 */
export function metricPart(text: string): string {
  const safe = text.slice(0, MAX_PART).replace(/[^\w-]/g, '_');
  return safe === '' ? '_' : safe;
}

/** Makes a whole name safe to send; its dots stay. */
export function metricName(name: string): string {
  return name.slice(0, MAX_NAME).replace(/[^\w.-]/g, '_');
}
