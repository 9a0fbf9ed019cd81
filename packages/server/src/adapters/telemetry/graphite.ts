import type { ChangeEvent } from '../../ports/telemetry.js';

/**
 * The body of a graphite event: `what`, comma-separated `tags` and a text; undefined for a credential that no
 * service maps, which is not reported. Blind credentials of a service are not in its text (compat).
 */
export function graphiteBody(event: ChangeEvent): string | undefined {
  // compat (bug 19): the tag of a service that changed was the text of a function in place of its id.
  const services = event.type === 'service' ? [event.service.id] : event.services;
  if (services.length === 0) return undefined;
  // A comma may stand in an id, but separates tags.
  const tags = ['confidant', ...services.map((id) => `confidant-${id.replaceAll(',', '_')}`)];
  return JSON.stringify({ what: 'confidant', tags: tags.join(','), data: describe(event) });
}

function describe(event: ChangeEvent): string {
  if (event.type === 'service') {
    const { service, previous } = event;
    const before = new Set(previous?.credentials);
    const after = new Set(service.credentials);
    const added = pythonList(service.credentials.filter((id) => !before.has(id)));
    const removed = pythonList([...before].filter((id) => !after.has(id)));
    // compat: no colon after "Removed credentials".
    return `Added credentials: ${added}; Removed credentials ${removed}; Revision ${service.revision}`;
  }
  const { name, id, revision } = event;
  // compat: only the update of a normal credential lacks the space; receivers may match the text.
  const space = event.type === 'credential' && event.reverted !== true ? '' : ' ';
  return `Updated credential "${name}"${space}(${id}); Revision ${revision}`;
}

/** A list of ids as Python prints it. */
function pythonList(ids: readonly string[]): string {
  return `[${ids.map((id) => `'${id.replace(/[\\']/g, '\\$&')}'`).join(', ')}]`;
}
