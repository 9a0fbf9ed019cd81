import { pythonJson } from '@confidant/contract/wire';
import { CommandError } from '../arguments/errors.js';
import type { Handlers } from './handler.js';

export const handlers: Handlers<'token'> = {
  async token(context, options) {
    const { authKey } = await context.configuration.profile();
    if (!authKey && (await context.configuration.usesLogin())) {
      throw new CommandError(
        `a login cannot make tokens: set auth_key and auth_context in ${await context.configuration.source()}`,
      );
    }
    const { username, token } = await (await context.connections.kms()).token();
    const forms: Record<string, string> = {
      basic: `${username}:${token}`,
      headers: `X-Auth-From: ${username}\nX-Auth-Token: ${token}`,
      json: pythonJson({ username, token }, { sortKeys: true, indent: 4 }),
    };
    return { exitCode: 0, text: `${forms[options.format]}\n` };
  },
};
