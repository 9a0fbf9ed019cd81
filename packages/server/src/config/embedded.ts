import type { Environment } from './parse.js';

/** Settings that only make sense against AWS: one of them without a table is a mistake, not a wish for the default. */
export const PRODUCTION_ONLY = ['KMS_MASTER_KEY', 'KMS_URL', 'DYNAMODB_URL', 'DYNAMODB_CREATE_TABLE'] as const;

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
