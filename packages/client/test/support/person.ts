import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A browser without pages: it keeps a session and does what the person would do on the pages. */
export interface Person {
  /** Logs in at the server with the one-time link that it printed. */
  logIn(link: string): Promise<void>;
  /** Types letters into the command line's page; returns the address that it leads to, or the code that it shows. */
  allow(address: string, letters: string): Promise<{ back?: string; code?: string }>;
}

export function person(serverUrl: string): Person {
  let cookie = '';
  const keep = (response: Response): void => {
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      if (pair.startsWith('confidant_session=')) cookie = pair;
    }
  };
  return {
    async logIn(link) {
      const response = await fetch(`${serverUrl}/v1/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: serverUrl },
        body: JSON.stringify({ secret: new URL(link).hash.slice(1) }),
      });
      if (!response.ok) throw new Error(`the link was refused: ${response.status}`);
      keep(response);
    },
    async allow(address, letters) {
      const page = await (await fetch(address, { headers: { cookie } })).text();
      const fields = [...page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)];
      const allowed = await fetch(`${serverUrl}/cli`, {
        method: 'POST',
        headers: { cookie },
        body: new URLSearchParams([
          ...fields.map(([, name, value]): [string, string] => [name!, value!]),
          ['letters', letters],
        ]),
      });
      const back = /^0; url=(.*)$/.exec(allowed.headers.get('refresh') ?? '')?.[1];
      const code = /<textarea[^>]*>([^<]+)</.exec(await allowed.text())?.[1];
      return { ...(back === undefined ? {} : { back }), ...(code === undefined ? {} : { code }) };
    },
  };
}

/** Writes a program for BROWSER, which stores the address that it is given in a file. */
export function addressCatcher(folder: string): { program: string; address(): Promise<string> } {
  const program = join(folder, 'browser');
  const file = join(folder, 'address');
  writeFileSync(program, `#!/bin/sh\nprintf %s "$1" > '${file}.new' && mv '${file}.new' '${file}'\n`);
  chmodSync(program, 0o755);
  return {
    program,
    async address() {
      while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20));
      return readFileSync(file, 'utf8');
    },
  };
}
