/** The address of a server. Throws TypeError when `text` is not an http or https URL, or has a user or password in it. */
export function parseServerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new TypeError('the server address must be like https://confidant.example.com');
  }
  return url;
}

/** Whether `text` is an address that {@link parseServerUrl} takes. Only such a one may be shown: others may hold a password. */
export function isServerUrl(text: string): boolean {
  try {
    parseServerUrl(text);
    return true;
  } catch {
    return false;
  }
}
