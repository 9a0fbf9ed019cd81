import type { Environment, Fault } from './setting-types.js';

/** Settings that only make sense with AWS: with one of them, a missing table is a mistake. */
const PRODUCTION_ONLY = ['KMS_MASTER_KEY', 'KMS_URL', 'DYNAMODB_URL', 'DYNAMODB_CREATE_TABLE'] as const;

/** Defaults that only the embedded server has. */
const DEFAULTS: Readonly<Record<string, string>> = {
  AUTH_CONTEXT: 'confidant',
  AUTH_KEY: 'alias/confidant-service',
  USER_AUTH_KEY: 'alias/confidant-user',
  KMS_AUTH_USER_TYPES: 'user,service',
  USER_AUTH_MODULE: 'local',
  SSLIFY: 'false',
  STATSD_PORT: '0',
};

/** Adds the defaults of the embedded server, unless the environment names a table or other parts of AWS. */
export function withEmbeddedDefaults(environment: Environment): Environment {
  if (environment['DYNAMODB_TABLE'] || PRODUCTION_ONLY.some((name) => environment[name])) return environment;
  const nonEmpty = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  return { ...DEFAULTS, KMS_MASTER_KEY: 'alias/confidant-master', ...nonEmpty };
}

/** The fault of settings that name parts of AWS but no table: the embedded parts would silently replace them. */
export function missingTable(environment: Environment): Fault[] {
  const awsSetting = PRODUCTION_ONLY.find((name) => environment[name]);
  if (environment['DYNAMODB_TABLE'] || awsSetting === undefined) return [];
  return [{ setting: 'DYNAMODB_TABLE', problem: `required when ${awsSetting} is set` }];
}
