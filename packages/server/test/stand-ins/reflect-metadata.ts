/**
 * The parts of the reflect-metadata proposal that a dependency of @peculiar/x509 needs when it is loaded. Tests compare
 * that library with our code; the server does not use it. Import this module before the library.
 */
const store = new WeakMap<object, Map<string, unknown>>();

const slot = (key: unknown, property: unknown): string => `${String(key)}\0${String(property ?? '')}`;

function own(key: unknown, target: object, property?: unknown): unknown {
  return store.get(target)?.get(slot(key, property));
}

function define(key: unknown, value: unknown, target: object, property?: unknown): void {
  if (!store.has(target)) store.set(target, new Map());
  store.get(target)!.set(slot(key, property), value);
}

function inherited(key: unknown, target: object | null, property?: unknown): unknown {
  for (let at = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const value = own(key, at, property);
    if (value !== undefined) return value;
  }
  return undefined;
}

Object.assign(Reflect, {
  defineMetadata: define,
  getOwnMetadata: own,
  getMetadata: inherited,
  hasOwnMetadata: (key: unknown, target: object, property?: unknown) => own(key, target, property) !== undefined,
  hasMetadata: (key: unknown, target: object, property?: unknown) => inherited(key, target, property) !== undefined,
});
