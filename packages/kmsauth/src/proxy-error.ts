/**
 * The proxy could not be used, or did not make the connection. The message names its host and port, never its password.
 * `code` is the network's own; a proxy that answers with another status counts as a refused connection, which the AWS
 * SDK tries again.
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
