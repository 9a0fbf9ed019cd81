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
    .description('encrypt YAML of the form NAME: value with KMS_MASTER_KEY, as a value for SECRETS_BOOTSTRAP')
    .option('--in <file>', 'file to read; - is the standard input', '-')
    .option('--out <file>', 'file to write; - is the standard output', '-')
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
    .description('print what SECRETS_BOOTSTRAP holds, as YAML that generate_secrets_bootstrap takes')
    .option('--out <file>', 'file to write, readable by you alone; - is the standard output', '-')
    .action(async (options: { out: string }) => {
      const settings = await adminSettings(context);
      if (settings.SECRETS_BOOTSTRAP === '') throw new AdminError('SECRETS_BOOTSTRAP is not set');
      const blob = await readBootstrap(settings.SECRETS_BOOTSTRAP);
      if (blob === undefined) throw new AdminError('SECRETS_BOOTSTRAP names a file that does not exist');
      const kms = openKms(settings);
      try {
        const secrets = await openBootstrap(blob, kms);
        // compat: servers of the original read the same blob, with a reader of YAML 1.1.
        await write(options.out, stringify(secrets, { version: '1.1', lineWidth: 0, sortMapEntries: true }));
      } finally {
        kms.close();
      }
    });

  async function write(file: string, text: string): Promise<void> {
    if (file === '-') return context.out(text);
    const handle = await open(file, 'w', 0o600).catch((error: unknown) => {
      throw fileError('--out', file, 'written', error);
    });
    try {
      // A file that was there keeps its mode otherwise, and takes it before it takes the secrets.
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
    throw fileError('--in', file, 'read', error);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'this user may not do that',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
  EROFS: 'the file system is read-only',
};

function fileError(option: string, file: string, done: 'read' | 'written', error: unknown): AdminError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
  return new AdminError(`${option}: ${file} can not be ${done}: ${REASONS[code] ?? code}`, 1, { cause: error });
}
