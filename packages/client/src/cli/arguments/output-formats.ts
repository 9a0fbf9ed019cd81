import { OUTPUT_FORMATS, type CommandSpec, type OutputFormat } from './command-spec.js';
import { UsageError } from './errors.js';

/** Formats that hold values and nothing else. */
const VALUE_FORMATS: readonly OutputFormat[] = ['dotenv', 'shell', 'tfvars'];

/** The formats that `--output` may name for a command. */
export function outputFormatsOf({ prints }: CommandSpec): readonly OutputFormat[] {
  if (prints === 'text') return [];
  return OUTPUT_FORMATS.filter((format) => {
    if (VALUE_FORMATS.includes(format)) return prints === 'values' || prints === 'variables';
    if (format === 'table') return prints === 'list';
    return format !== 'id' || prints === 'values' || prints === 'id' || prints === 'list';
  });
}

/**
 * Throws {@link UsageError} for an `--output` that the command does not have, before any request: printing nothing would
 * look like "no values" to another program. `values` are the command's options by commander's attribute names.
 */
export function assertOutputFits(
  command: CommandSpec,
  output: OutputFormat | undefined,
  values: Readonly<Record<string, unknown>>,
): void {
  if (output === undefined) return;
  const refuse = (reason: string): never => {
    throw new UsageError(`--output ${output} has no meaning ${reason}`, command.name);
  };
  if (values['key'] !== undefined) refuse('beside --key: it prints that one value as it is');
  const outputs = outputFormatsOf(command);
  if (outputs.length === 0) refuse(`for ${command.name}: it prints text for other programs`);
  if (!outputs.includes(output)) refuse(`for ${command.name}, which has ${outputs.join(', ')}`);
  if (!VALUE_FORMATS.includes(output)) return;
  if (values['metadataOnly'] === true) refuse('with --metadata-only: it prints values, and there are none');
  if (command.options.some(({ flags }) => flags === '--decrypt-blind') && values['decryptBlind'] !== true) {
    refuse('without --decrypt-blind: it prints values, and they are encrypted');
  }
}
