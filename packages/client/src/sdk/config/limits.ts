/**
 * The longest time that can be configured: a day. Timers of Node end at once beyond 25 days, and some are set for ten
 * times as long as they are configured.
 */
export const MAX_SECONDS = 86_400;
