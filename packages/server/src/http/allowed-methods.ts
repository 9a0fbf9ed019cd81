/** The routes of a server by their paths, for the Allow header of addresses that exist under other methods. */
export class AllowedMethods {
  readonly #routes: { method: string; segments: readonly string[] }[] = [];

  /** @param path as the route table writes it: `:name` stands for one segment, a final `*` for one or more */
  add(method: string, path: string): void {
    this.#routes.push({ method, segments: path.split('/') });
  }

  /** The methods of an address, each once, in the order they were added; none when there is no such address. */
  of(path: string): string[] {
    const segments = path.split('/');
    const fitting = this.#routes.filter((route) => fits(route.segments, segments));
    return [...new Set(fitting.map(({ method }) => method))];
  }
}

function fits(route: readonly string[], path: readonly string[]): boolean {
  const isOpen = route.at(-1) === '*';
  if (isOpen ? path.length < route.length : path.length !== route.length) return false;
  return route.every((segment, i) => {
    if (isOpen && i === route.length - 1) return path.slice(i).join('/') !== '';
    return segment.startsWith(':') ? path[i] !== '' : segment === path[i];
  });
}
