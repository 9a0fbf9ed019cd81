import { pythonJson } from '@confidant/contract/wire';
import type { Handler } from '../outcome.js';

export const handlers: Record<string, Handler> = {
  async token(context, given) {
    const { username, token } = await (await context.kmsConnection()).token();
    const forms: Record<string, string> = {
      basic: `${username}:${token}`,
      headers: `X-Auth-From: ${username}\nX-Auth-Token: ${token}`,
      json: pythonJson({ username, token }, { sortKeys: true, indent: 4 }),
    };
    return { exitCode: 0, text: `${forms[given.needed('format')]}\n` };
  },
};
