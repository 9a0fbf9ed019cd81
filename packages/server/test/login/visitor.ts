/** A response and its address. */
export interface Visit {
  url: string;
  status: number;
  headers: Headers;
  text: string;
  location: string | null;
}

/** A browser without pages: keeps cookies by host, as browsers do, and follows redirects when asked to. */
export class Visitor {
  readonly #jars = new Map<string, Map<string, string>>();

  constructor(private readonly home: string) {}

  /** Sends one request. */
  async go(url: string, init: RequestInit = {}): Promise<Visit> {
    const target = new URL(url, this.home);
    const jar = this.jar(target.hostname);
    const headers = new Headers(init.headers);
    if (jar.size > 0 && !headers.has('cookie')) {
      headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '));
    }
    const response = await fetch(target, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ');
      const name = pair.slice(0, pair.indexOf('='));
      const ends = attributes.some(
        (attribute) => attribute === 'Max-Age=0' || /^expires=Thu, 01 Jan 1970/i.test(attribute),
      );
      if (ends) jar.delete(name);
      else jar.set(name, pair.slice(pair.indexOf('=') + 1));
    }
    const location = response.headers.get('location');
    return {
      url: target.href,
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location,
    };
  }

  /** Follows redirects to the first response that is not one. */
  async follow(url: string, init: RequestInit = {}): Promise<Visit> {
    let visit = await this.go(url, init);
    for (let hop = 0; visit.location !== null; hop++) {
      if (hop > 20) throw new Error('redirected in circles');
      visit = await this.go(new URL(visit.location, visit.url).href);
    }
    return visit;
  }

  /** Posts a form. */
  post(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Visit> {
    return this.go(url, { method: 'POST', body: new URLSearchParams(fields), headers });
  }

  /** The cookies of a host, which may be changed. */
  jar(host: string = new URL(this.home).hostname): Map<string, string> {
    let jar = this.#jars.get(host);
    if (jar === undefined) this.#jars.set(host, (jar = new Map()));
    return jar;
  }
}

/** The attributes with which a response set a cookie, without its value. */
export function attributesOf(visit: Visit, name: string): string[] {
  const line = visit.headers.getSetCookie().find((cookie) => cookie.startsWith(`${name}=`));
  if (line === undefined) throw new Error(`the answer sets no cookie ${name}`);
  return line.split('; ').slice(1).sort();
}

/** The cookie of the login that a visitor began last, as name and value. */
export function flowCookie(visitor: Visitor): [name: string, value: string] {
  const found = [...visitor.jar()].filter(([name]) => name.startsWith('confidant_session_login_')).at(-1);
  if (found === undefined) throw new Error('no login was begun');
  return found;
}
