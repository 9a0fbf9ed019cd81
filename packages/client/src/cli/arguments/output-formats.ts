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
    throw new UsageError(`--output ${output} cannot be used ${reason}`, command.name);
  };
  if (values['key'] !== undefined) refuse('with --key, which prints one value as it is');
  const outputs = outputFormatsOf(command);
  if (outputs.length === 0) refuse(`with ${command.name}, which prints text for other programs`);
  if (!outputs.includes(output)) refuse(`with ${command.name}: choose ${outputs.join(', ')}`);
  if (!VALUE_FORMATS.includes(output)) return;
  if (values['metadataOnly'] === true) refuse('with --metadata-only, because it prints values');
  if (command.options.some(({ flags }) => flags === '--decrypt-blind') && values['decryptBlind'] !== true) {
    refuse('without --decrypt-blind, because the values are encrypted');
  }
}
