import { OUTPUT_FORMATS, type CommandSpec, type OutputFormat } from './command-spec.js';
import { UsageError } from './errors.js';

/** Forms that hold values alone. */
const OF_VALUES: readonly OutputFormat[] = ['dotenv', 'shell', 'tfvars'];

/** What `--output` can be of a command. */
export function outputFormatsOf({ prints }: CommandSpec): readonly OutputFormat[] {
  if (prints === 'text') return [];
  return OUTPUT_FORMATS.filter((format) => {
    if (OF_VALUES.includes(format)) return prints === 'values' || prints === 'variables';
    if (format === 'table') return prints === 'list';
    return format !== 'id' || prints === 'values' || prints === 'id' || prints === 'list';
  });
}

/**
 * Throws {@link UsageError} for an `--output` that the command has nothing for: before anything is asked or written,
 * and instead of printing nothing, which another program would take for no values. `given`: the command's options by
 * commander's attribute names.
 */
export function assertOutputFits(
  command: CommandSpec,
  output: OutputFormat | undefined,
  given: Readonly<Record<string, unknown>>,
): void {
  if (output === undefined) return;
  const refuse = (reason: string): never => {
    throw new UsageError(`--output ${output} has no meaning ${reason}`, command.name);
  };
  if (given['key'] !== undefined) refuse('beside --key: it prints that one value as it is');
  const outputs = outputFormatsOf(command);
  if (outputs.length === 0) refuse(`for ${command.name}: it prints text for other programs`);
  if (!outputs.includes(output)) refuse(`for ${command.name}, which has ${outputs.join(', ')}`);
  if (!OF_VALUES.includes(output)) return;
  if (given['metadataOnly'] === true) refuse('with --metadata-only: it prints values, and there are none');
  if (command.options.some(({ flags }) => flags === '--decrypt-blind') && given['decryptBlind'] !== true) {
    refuse('without --decrypt-blind: it prints values, and they are encrypted');
  }
}
