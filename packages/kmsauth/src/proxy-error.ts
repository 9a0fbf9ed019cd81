/**
 * The proxy could not be reached, or refused to connect. The message names its host and port, never its password.
 * `code` is the network error's; a refusal by the proxy counts as ECONNREFUSED, which the AWS SDK retries.
 */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  constructor(
    message: string,
    readonly code: string = 'ECONNREFUSED',
  ) {
    super(message);
  }
}
