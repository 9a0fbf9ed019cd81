import type { JinjaMap, JinjaValue } from './values.js';

/** Variables that end with the block that sets them, and those of the blocks around it. */
export class Scope {
  readonly #variables: Map<string, JinjaValue>;

  constructor(
    readonly outer: Scope | undefined,
    variables?: JinjaMap,
  ) {
    this.#variables = new Map(variables);
  }

  get(name: string): JinjaValue {
    return this.#variables.has(name) ? this.#variables.get(name) : this.outer?.get(name);
  }

  set(name: string, value: JinjaValue): void {
    this.#variables.set(name, value);
  }
}
