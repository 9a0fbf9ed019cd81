import { credentialName, oneCredential } from './name-options.js';
import {
  id,
  revision,
  pairs,
  prompt,
  documentation,
  enabled,
  key,
  disabled,
  tags,
  metadata,
  oneState,
} from './options.js';
import type { CommandSpec } from '../spec.js';

/** Credentials that the server can read. */
export const CREDENTIAL_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'create_credential',
    prints: 'id',
    summary: 'Create a credential',
    options: [
      { flags: '--name <name>', text: 'name of the credential', required: true },
      pairs,
      prompt,
      metadata,
      tags,
      enabled,
      disabled,
      documentation,
    ],
    exclusive: [{ of: ['credential-pairs', 'prompt'], required: true }, oneState],
    examples: [
      'create_credential --name database --prompt db_user db_password',
      'create_credential --name database --credential-pairs @pairs.json --output id',
    ],
    module: 'credentials',
  },
  {
    name: 'update_credential',
    prints: 'id',
    summary: 'Write a new revision of a credential; what is not given stays, but new pairs replace all the old ones',
    options: [
      id('credential'),
      credentialName,
      { flags: '--name <name>', text: 'new name' },
      pairs,
      prompt,
      metadata,
      tags,
      enabled,
      disabled,
      documentation,
    ],
    exclusive: [oneCredential, { of: ['credential-pairs', 'prompt'] }, oneState],
    examples: [
      'update_credential --id ID --prompt db_user db_password',
      'update_credential --credential-name database --disabled',
    ],
    module: 'credentials',
  },
  {
    name: 'get_credential',
    prints: 'values',
    summary: 'Read a credential',
    options: [
      { flags: '--id <id>', text: 'id of the credential' },
      { flags: '--name <name>', text: 'its exact name, instead of the id' },
      { ...credentialName, text: 'the same as --name' },
      { flags: '--metadata-only', text: 'without its values' },
      { flags: '--prefix <prefix>', text: 'for dotenv and shell: put before every name', fallback: 'CREDENTIALS_' },
      key,
    ],
    exclusive: [{ of: ['id', 'name', 'credential-name'], required: true }, { of: ['key', 'metadata-only'] }],
    examples: ['get_credential --name database', 'get_credential --name database --key db_password'],
    module: 'credentials',
  },
  {
    name: 'list_credentials',
    summary: 'List credentials, without their values',
    options: [
      { flags: '--limit <n>', text: 'only so many, newest first', kind: 'whole' },
      { flags: '--page <page>', text: 'next_page of the list before' },
    ],
    examples: ['list_credentials --output table'],
    prints: 'list',
    module: 'credentials',
  },
  {
    name: 'revert_credential',
    prints: 'id',
    summary: 'Go back to an old revision of a credential; it is written as a new one',
    options: [id('credential'), credentialName, revision],
    exclusive: [oneCredential],
    examples: ['revert_credential --id ID --revision 3', 'revert_credential --credential-name database'],
    module: 'credentials',
  },
];
