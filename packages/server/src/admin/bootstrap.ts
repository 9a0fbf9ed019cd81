import { open, readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { keyReference } from '@confidant/kmsauth';
import { stringify } from 'yaml';
import { openBootstrap, readBootstrap, sealBootstrap } from '../adapters/sealing/secrets-bootstrap.js';
import { openKms } from '../compose/kms.js';
import { AdminError, type CommandGroup } from './command.js';
import { adminSettings } from './settings.js';

/** `generate_secrets_bootstrap` and `decrypt_secrets_bootstrap`. */
export const bootstrapCommands: CommandGroup = (program, context) => {
  program
    .command('generate_secrets_bootstrap')
    .description('encrypt YAML (NAME: value) with KMS_MASTER_KEY, as a value for SECRETS_BOOTSTRAP')
    .option('--in <file>', 'file to read, or - for standard input', '-')
    .option('--out <file>', 'file to write, or - for standard output', '-')
    .action(async (options: { in: string; out: string }) => {
      const settings = await adminSettings(context);
      const yaml = options.in === '-' ? await textOf(process.stdin) : await read(options.in);
      const kms = openKms(settings);
      try {
        await write(options.out, `${await sealBootstrap(yaml, kms, keyReference(settings.KMS_MASTER_KEY))}\n`);
      } finally {
        kms.close();
      }
    });

  program
    .command('decrypt_secrets_bootstrap')
    .description('decrypt SECRETS_BOOTSTRAP, and print YAML that generate_secrets_bootstrap reads')
    .option('--out <file>', 'file to write, readable only by you, or - for standard output', '-')
    .action(async (options: { out: string }) => {
      const settings = await adminSettings(context);
      if (settings.SECRETS_BOOTSTRAP === '') throw new AdminError('SECRETS_BOOTSTRAP is not set');
      const blob = await readBootstrap(settings.SECRETS_BOOTSTRAP);
      if (blob === undefined) throw new AdminError('SECRETS_BOOTSTRAP names a file that does not exist');
      const kms = openKms(settings);
      try {
        const secrets = await openBootstrap(blob, kms);
        // compat: servers of the original read the same blob, as YAML 1.1.
        await write(options.out, stringify(secrets, { version: '1.1', lineWidth: 0, sortMapEntries: true }));
      } finally {
        kms.close();
      }
    });

  async function write(file: string, text: string): Promise<void> {
    if (file === '-') return context.out(text);
    const handle = await open(file, 'w', 0o600).catch((error: unknown) => {
      throw fileError('--out', 'write', file, error);
    });
    try {
      // An existing file keeps its mode when it is opened, so the mode is restricted before the secrets are written.
      await handle.chmod(0o600);
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
  }
};

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw fileError('--in', 'read', file, error);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'the file or directory does not exist',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'part of the path is not a directory',
  EROFS: 'the file system is read-only',
};

function fileError(option: string, verb: 'read' | 'write', file: string, error: unknown): AdminError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
  return new AdminError(`${option}: cannot ${verb} ${file}: ${REASONS[code] ?? code}`, 1, { cause: error });
}
