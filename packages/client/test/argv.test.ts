import { describe, expect, test } from 'vitest';
import { expandArguments, expandOptions } from '../src/cli/arguments/expand.js';
import { parseArguments } from '../src/cli/arguments/parse.js';
import { COMMANDS } from '../src/cli/commands/table.js';
import { longName } from '../src/cli/arguments/command-spec.js';
import { GLOBAL_OPTIONS } from '../src/cli/arguments/global-options.js';
import { UsageError } from '../src/cli/arguments/errors.js';

const spelled = (line: string) => {
  const { globals, command, rest } = expandArguments(line.split(' '), COMMANDS);
  return [...globals, command, ...rest].filter((word) => word !== undefined).join(' ');
};
const parsed = (...argv: string[]) => {
  const request = parseArguments(argv, COMMANDS);
  if (request.kind !== 'run') throw new Error(request.kind);
  return { ...request, command: request.command.name };
};

describe('long options may be shortened while unambiguous', () => {
  test('an unambiguous abbreviation works before and after the command, with = and without', () => {
    expect(spelled('--conf f --prof p get_service --serv x --no-d')).toBe(
      '--config-files f --profile p get_service --service x --no-decrypt-blind',
    );
    expect(spelled('--url=u --token-l=5 revert_service --rev=2 --id=3')).toBe(
      '--url=u --token-lifetime=5 revert_service --revision=2 --id=3',
    );
  });

  test('an ambiguous abbreviation is refused with the options that it could mean', () => {
    expect(() => spelled('--re 1 get_service')).toThrow('--re could be --retries or --region');
    expect(() => spelled('--v')).toThrow('--v could be --verify-ssl or --version');
    expect(() => spelled('create_blind_credential --blind x')).toThrow(/--blind-keys or --blind-contexts/);
  });

  test('an exact name wins over longer ones: --to is not --token-version', () => {
    expect(spelled('--to x get_ca')).toBe('--to x get_ca');
  });

  test('an option that the original lacks never makes an abbreviation of the original ambiguous', () => {
    expect(spelled('env --p P_ --w --f -- x')).toBe('env --prefix P_ --wrapped --force -- x');
    expect(spelled('env --s svc')).toBe('env --service svc');
  });

  test('in a command that the original lacks, no option takes precedence in an abbreviation', () => {
    expect(() => spelled('run --w')).toThrow('--w could be --wrapped or --watch or --watch-interval or --watch-signal');
    expect(() => spelled('update_credential --e')).toThrow('--e could be --expected-revision or --enabled');
    expect(() => spelled('update_credential --me')).toThrow(/--me could be .*--merge/);
  });

  test('an option of another command is refused with the name of that command', () => {
    expect(() => spelled('get_service --key a')).toThrow(
      "unknown option '--key'; it is an option of get_credential, get_blind_credential",
    );
  });

  test('every option is found by its full name', () => {
    for (const { name, options } of COMMANDS) {
      for (const option of options) {
        const long = `--${longName(option)}`;
        expect(expandArguments([name, long], COMMANDS).rest).toEqual([long]);
      }
    }
  });
});

describe('global options', () => {
  test('global options may stand after the command, as in the guide of the original', () => {
    expect(spelled('create_blind_credential --mfa --name x --region r')).toBe(
      '--mfa --region r create_blind_credential --name x',
    );
  });

  test('global options are not taken from the words of a command to run', () => {
    expect(spelled('env --service s ls --region r')).toBe('env --service s ls --region r');
    expect(spelled('env --service s -- ls --url u')).toBe('env --service s -- ls --url u');
  });

  test('a value that looks like a command is a value', () => {
    expect(spelled('--profile env get_ca --ca x')).toBe('--profile env get_ca --ca x');
    expect(parsed('--profile', 'env', 'get_ca', '--ca', 'x')).toMatchObject({
      command: 'get_ca',
      globals: { profile: 'env' },
    });
  });

  test('short options take their value as the next word or joined', () => {
    expect(parsed('-u', 'http://x', '-l5', '-v', 'list_cas').globals).toMatchObject({
      url: 'http://x',
      tokenLifetime: 5,
      verifySsl: true,
    });
  });

  test('no two options of a command have the same name', () => {
    for (const { name, options } of COMMANDS) {
      const names = [...GLOBAL_OPTIONS, ...options].map(longName);
      expect([name, new Set(names).size]).toEqual([name, names.length]);
    }
  });
});

describe('values', () => {
  test('a list ends at the next option, and may be given twice', () => {
    const { values } = parsed('add_creds', '--cred-ids', 'a', 'b', '--service-id', 's', '--cred-ids', 'c');
    expect(values).toMatchObject({ credIds: ['a', 'b', 'c'], serviceId: 's' });
  });

  test('the words of a command to run are kept as they are', () => {
    const dashed = parsed('env', '--service', 's', '--', 'sh', '-c', 'echo --force "$X"');
    expect(dashed.words).toEqual(['sh', '-c', 'echo --force "$X"']);
    expect(parsed('run', '--service', 's', 'ls', '-l', '--force').words).toEqual(['ls', '-l', '--force']);
  });

  test('the defaults are those of the original', () => {
    expect(parsed('env', '--service', 's').values).toMatchObject({ prefix: 'CREDENTIALS_' });
    expect(parsed('get_certificate', '--ca', 'c', '--cn', 'n').values).toMatchObject({ validity: 120 });
    expect(parsed('get_service', '--service', 's').values).toMatchObject({ decryptBlind: true });
    const blind = ['update_blind_credential', '--id', 'i'];
    expect(parsed(...blind).values).toMatchObject({ storeKeys: true, cipherType: 'fernet', cipherVersion: 2 });
  });

  test('the name of a command may be written with dashes', () => {
    expect(parsed('get-service', '--service', 's').command).toBe('get_service');
  });
});

describe('wrong arguments are refused', () => {
  const refused = (...argv: string[]) => {
    try {
      parseArguments(argv, COMMANDS);
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      return (error as UsageError).message;
    }
    return 'accepted';
  };

  test('a missing, unknown or surplus argument is refused', () => {
    expect(refused('get_service')).toMatch(/--service/);
    expect(refused('get_service', '--service', 's', '--colour')).toMatch(/unknown option '--colour'/);
    expect(refused('get_service', '--service', 's', 'more')).toMatch(/too many/);
    expect(refused('get_services')).toBe('there is no command get_services; did you mean get_service?');
    expect(refused('list-cerdentials')).toContain('did you mean list_credentials?');
    expect(refused('frobnicate')).toBe('there is no command frobnicate');
    expect(refused('list')).toBe(
      'there is no command list; did you mean list_credentials, list_services, list_blind_credentials, list_cas?',
    );
    expect(refused('get')).toBe('there is no command get; did you mean get_service, get_credential?');
    for (const name of ['delete', 'delete_credential', 'rm', 'remove-service']) {
      expect(refused(name)).toMatch(/: nothing is ever deleted.*archived \(docs\/operations.md\); remove_creds /);
    }
    expect(refused('remove_cred')).toBe('there is no command remove_cred; did you mean remove_creds?');
    expect(refused('constructor')).toBe('there is no command constructor');
    expect(refused('get_ca', '--ca')).toMatch(/argument missing/);
  });

  test('a mistyped option is reported before what it leaves missing, with the option that it resembles', () => {
    for (const [line, message] of [
      ['get_service --servce web', "unknown option '--servce'; did you mean --service?"],
      ['get_service web --colour', "unknown option '--colour'"],
      ['get_service --outptu json', "unknown option '--outptu'; did you mean --output?"],
      ['get_jwt -environment staging', "unknown option '-e'; did you mean --environment?"],
      ['--prfile web get_service', "unknown option '--prfile'; did you mean --profile?"],
      ['--service web get_service', "unknown option '--service': put the options of a command after it"],
      ['env --servce web -- ls --help', "unknown option '--servce'; did you mean --service?"],
    ] as const) {
      expect([line, refused(...line.split(' '))]).toEqual([line, message]);
    }
  });

  test('an option without its value does not take the next option for it', () => {
    const needs = (name: string) =>
      `option '--${name}' needs a value, but an option follows; write a value that begins with a dash as --${name}=VALUE`;
    for (const [line, name] of [
      ['update_credential --credential-name p1 --tags -o id', 'tags'],
      ['update_credential --id i --documentation --disabled', 'documentation'],
      ['update_credential --id i --documentation --dis', 'documentation'],
      ['update_credential --id i --documentation --colour', 'documentation'],
      ['update_credential --id i --documentation --tags=x', 'documentation'],
      ['update_credential --id i --documentation -uhttp://x', 'documentation'],
      ['update_credential --id i --documentation -h', 'documentation'],
      ['run --service --require A -- true', 'service'],
      ['run --service -- true', 'service'],
      ['--profile --url u list_cas', 'profile'],
      ['--profile -u u list_cas', 'profile'],
      ['get_ca --ca private --region --profile x', 'region'],
      ['get_ca --region --ca private', 'region'],
    ] as const) {
      const message = refused(...line.split(' '));
      // With -h the help is printed instead of the error.
      expect([line, line.endsWith('-h') ? needs(name) : message]).toEqual([line, needs(name)]);
    }
    const ofFormat = [
      { flags: '--in <file>', text: '' },
      { flags: '--out <file>', text: '' },
    ];
    expect(() => expandOptions(['--in', '--out', 'x'], ofFormat)).toThrow(needs('in'));
    expect(expandOptions(['--in', '-', '--out=--x'], ofFormat)).toEqual(['--in', '-', '--out=--x']);
    expect(refused('create_credential', '--name', 'n', '--documentation', '--s3cret')).not.toContain('s3cret');
  });

  test('a word that begins with a dash is a value if it is joined, a number, has a space, or is a lone dash', () => {
    const documented = (...words: string[]) => parsed('update_credential', '--id', 'i', ...words).values;
    expect(documented('--documentation=--disabled')).toMatchObject({ documentation: '--disabled' });
    expect(documented('--tags=-o', '--tags', 'id')).toMatchObject({ tags: ['-o', 'id'] });
    for (const value of ['-', '', '-1', '-.5', '-----BEGIN KEY-----\nx', '-- see the page', '-note', '-o is short']) {
      expect(documented('--documentation', value)).toMatchObject({ documentation: value });
    }
    const tags = ['a', '-5', 'b', '- c', '-- d'];
    expect(documented('--tags', ...tags, '--disabled')).toMatchObject({ tags, disabled: true });
    expect(documented('--tags', '-5')).toMatchObject({ tags: ['-5'] });
    expect(parsed('get_certificate_from_csr', '--ca', 'c', '--csr-file', '-').values).toMatchObject({ csrFile: '-' });
  });

  test('help is printed whatever else was typed', () => {
    for (const line of ['get_service --servce --help', '--prfile -h', 'env --servce --help']) {
      expect(parseArguments(line.split(' '), COMMANDS).kind).toBe('print');
    }
  });

  test('an error never repeats a value, which may be a secret', () => {
    for (const joined of ['=', '']) {
      const message = refused('create_credential', '--name', 'n', `--credental-pairs${joined}{"a": "s3'cret"}`);
      expect(message).toBe("unknown option '--credental-pairs'; did you mean --credential-pairs?");
    }
    expect(refused('get_ca', '-pcret')).not.toContain('cret');
  });

  test('an output format that the command does not have is refused with those that it has', () => {
    expect(refused('diff', '--service', 's', '-o', 'id')).toBe(
      '--output id cannot be used with diff: choose json, yaml',
    );
    expect(refused('list_services', '-o', 'shell')).toMatch(/list_services: choose json, yaml, id, table$/);
    expect(refused('create_credential', '--name', 'n', '--prompt', 'k', '-o', 'shell')).toMatch(/json, yaml.*, id$/);
    expect(refused('env', '--service', 's', '-o', 'id')).toMatch(/json, yaml.*, dotenv, shell, tfvars$/);
    for (const name of ['token', 'completion bash']) {
      expect(refused(...name.split(' '), '-o', 'json')).toMatch(
        /^--output json cannot be used with \w+, which prints text/,
      );
    }
  });

  test('formats for values are refused where there are none: empty output would look like no values', () => {
    for (const output of ['shell', 'dotenv', 'tfvars']) {
      const service = ['get_service', '--service', 's', '-o', output];
      expect(refused(...service, '--metadata-only')).toContain(
        `--output ${output} cannot be used with --metadata-only`,
      );
      expect(refused('get_credential', '--id', 'i', '--metadata-only', '-o', output)).toContain('--metadata-only');
      const blind = ['get_blind_credential', '--id', 'i', '-o', output];
      expect(refused(...blind)).toContain('without --decrypt-blind');
      for (const fine of [service, [...service, '--no-decrypt-blind'], [...blind, '--decrypt-blind']]) {
        expect(refused(...fine)).toBe('accepted');
      }
    }
    expect(refused('get_service', '--service', 's', '--metadata-only', '-o', 'id')).toBe('accepted');
  });

  test('what is not a number, or is out of bounds, is refused', () => {
    for (const revision of ['0', '-1', '1.5', 'x', '1e3', '']) {
      expect(refused('revert_service', '--id', 'x', '--revision', revision)).toMatch(/whole number/);
    }
    expect(refused('--token-version', '3', 'list_cas')).toMatch(/1 or 2/);
    expect(refused('--retries', '-1', 'list_cas')).toMatch(/whole number/);
  });

  test('options that exclude each other are refused, and so is a missing option if one of several is required', () => {
    const blind = ['create_blind_credential', '--name', 'n', '--blind-keys', '{}', '--credential-pairs', '{}'];
    expect(refused(...blind)).toMatch(/one of --group-context, --blind-contexts is required/);
    expect(refused(...blind, '--group-context', '{}', '--blind-contexts', '{}')).toMatch(/cannot be used with/);
    expect(refused('update_credential', '--id', 'i', '--enabled', '--disabled')).toMatch(/cannot be used with/);
    expect(refused('update_credential', '--name', 'n', '--disabled')).toBe(
      'one of --id, --credential-name is required, because --name is the new name',
    );
    expect(refused('update_credential', '--disabled')).toBe('one of --id, --credential-name is required');
    expect(refused('history')).toMatch(/one of --credential, .*--blind-credential-name, --service is required/);
  });
});

describe('help', () => {
  const printed = (...argv: string[]) => {
    const request = parseArguments(argv, COMMANDS);
    return request.kind === 'print' ? request.text : '';
  };

  test('the help of the program has a line for every command and every global option, and fits on a screen', () => {
    const help = printed('--help');
    const lines = help.trimEnd().split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.length).toBeLessThan(COMMANDS.length + 40);
    for (const { name } of COMMANDS) {
      expect(lines.filter((line) => line.startsWith(`  ${name} `))).toHaveLength(1);
    }
    for (const option of GLOBAL_OPTIONS) expect(help).toContain(`--${longName(option)}`);
    expect(help.slice(help.lastIndexOf('Examples:')).match(/^ {4}confidant /gm)).toHaveLength(2);
  });

  test('help all shows every option of every command, and two examples', () => {
    const help = printed('help', 'all');
    for (const { flags } of GLOBAL_OPTIONS) expect(help).toContain(flags);
    for (const { name, options } of COMMANDS) {
      expect(help).toContain(`Usage: confidant ${name}`);
      for (const { flags } of options) expect(help).toContain(flags);
    }
    expect(help.slice(help.lastIndexOf('Examples:')).match(/^ {4}confidant /gm)).toHaveLength(2);
  });

  test('the help of a command says what is required', () => {
    expect(printed('create_credential', '--help')).toMatch(/--name <name> .*\(required\)/);
    expect(printed('create_credential', '--help')).toContain('One of --credential-pairs, --prompt is required.\n');
    expect(printed('list_services', '--help')).not.toContain('required');
    for (const { name, options } of COMMANDS) {
      const marked = printed(name, '--help').match(/\(required\)/g) ?? [];
      expect([name, marked.length]).toEqual([name, options.filter(({ required }) => required).length]);
    }
  });

  test('the help of a command shows examples that can be parsed', () => {
    for (const { name, examples } of COMMANDS) {
      const help = printed(name, '--help');
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) {
        expect(help).toContain(`confidant ${example}`);
        const words = example.split(/ [|>] /)[0]!.match(/'[^']*'|\S+/g)!;
        const argv = words.map((word) => word.replaceAll("'", ''));
        expect(parsed(...argv.map((word) => (word === 'ID' ? 'x' : word))).command).toBe(name);
      }
    }
  });

  test('help and a command is the same as the command and --help', () => {
    expect(printed('help', 'get_ca')).toBe(printed('get_ca', '--help'));
    expect(printed('help')).toBe(printed('--help'));
  });

  test('--version prints name and version', () => {
    expect(printed('--version')).toMatch(/^confidant \d+\.\d+\.\d+\n$/);
  });
});
