import { proxyFault } from '@confidant/kmsauth/proxy';
import { ConfigError } from './config.js';

/** @throws ConfigError when the proxy of the environment is no address of one; the message holds no password */
export function checkProxy(): void {
  const fault = proxyFault(process.env);
  if (fault !== undefined) throw new ConfigError([`${fault.variable} ${fault.problem}`]);
}
