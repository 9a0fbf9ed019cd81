import { pythonJson } from '@confidant/contract/wire';
import { variablesOf } from '../../text/variables.js';
import { toYaml } from '../../text/writers.js';
import type { OutputFormat } from '../arguments/command-spec.js';
import { CommandError } from '../arguments/errors.js';
import type { Log } from '../terminal/log.js';
import type { OutcomeBody } from './outcome.js';
import { renderValues } from './render-values.js';
import { sourcesOf } from './sources.js';

/** The body in a format. Rejects with {@link CommandError} when there is nothing to print in that format. */
export async function render(
  body: OutcomeBody,
  format: OutputFormat,
  options: { prefix: string; log: Log },
): Promise<string> {
  if (format === 'json') return `${pythonJson(body, { sortKeys: true, indent: 4 })}\n`;
  if (format === 'yaml') return toYaml(body);
  // Other programs read these formats; they must not take a failure for values.
  if (!body.result) return '';
  const subject = body.service ?? body.credential ?? body.blind_credential;
  const nothing = new CommandError(`there is nothing here to print as ${format}`);
  if (format === 'id' || format === 'table') {
    const { idLine, renderList } = await import('./tables.js');
    if (subject !== undefined && format === 'id') return idLine(subject.id);
    const list = subject === undefined ? renderList(body, format, options.log) : undefined;
    if (list === undefined) throw nothing;
    return list;
  }
  if (subject === undefined) throw nothing;
  return renderValues(variablesOf(sourcesOf(body), options.prefix), format, options.log);
}
