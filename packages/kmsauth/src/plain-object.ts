/** Whether a value is an object of keys and values, as JSON text gives it: not null, an array or another class's. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
