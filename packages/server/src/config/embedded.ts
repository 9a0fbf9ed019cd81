import type { Environment, Fault } from './setting-types.js';

/** Settings that only make sense against AWS: one of them without a table is a mistake, not a wish for the default. */
const PRODUCTION_ONLY = ['KMS_MASTER_KEY', 'KMS_URL', 'DYNAMODB_URL', 'DYNAMODB_CREATE_TABLE'] as const;

/** The embedded default's own values, for what the environment leaves open. */
const DEFAULTS: Readonly<Record<string, string>> = {
  AUTH_CONTEXT: 'confidant',
  AUTH_KEY: 'alias/confidant-service',
  USER_AUTH_KEY: 'alias/confidant-user',
  KMS_AUTH_USER_TYPES: 'user,service',
  USER_AUTH_MODULE: 'local',
  SSLIFY: 'false',
  STATSD_PORT: '0',
};

/** The environment, completed for the embedded default when no table is named. */
export function withEmbeddedDefaults(environment: Environment): Environment {
  if (environment['DYNAMODB_TABLE'] || PRODUCTION_ONLY.some((name) => environment[name])) return environment;
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  return { ...DEFAULTS, KMS_MASTER_KEY: 'alias/confidant-master', ...given };
}

/** The mistake of naming AWS's parts without a table: the embedded default would silently take their place. */
export function missingTable(environment: Environment): Fault[] {
  const given = PRODUCTION_ONLY.find((name) => environment[name]);
  if (environment['DYNAMODB_TABLE'] || given === undefined) return [];
  return [{ setting: 'DYNAMODB_TABLE', problem: `required when ${given} is set` }];
}
