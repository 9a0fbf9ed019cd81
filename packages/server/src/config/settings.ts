import { isPlainObject } from '../domain/plain-object.js';
import { servicePattern } from './ca-settings.js';
import {
  bootstrapText,
  flag,
  json,
  BadValue,
  jsonNumberMap,
  jsonObject,
  jsonTextList,
  jsonTextMap,
  list,
  oneOf,
  optionalText,
  seconds,
  type Setting,
  text,
  url,
  urls,
  whole,
} from './setting-types.js';

/**
 * Every setting, by environment variable. compat: names, defaults and meanings are the original's, except where the
 * text says otherwise; settings that only this server has are told so. docs/reference/settings.md is made from this.
 */
export const SETTINGS = {
  // Server
  DEBUG: flag('Debug mode: also switches the HTTPS redirect off. Never in production.', { default: false }),
  HOST: text('Address to listen on. A container image sets `0.0.0.0`.', { default: '127.0.0.1' }),
  PORT: whole('Port to listen on; 0 takes a free one.', { default: 8080, max: 65535 }),
  WEB_CONCURRENCY: whole('Worker processes, which share the port.', { default: 1, min: 1, max: 256 }),
  CONFIDANT_DATA_DIR: text('Directory of the embedded default: database, keyring and client files. Ours.', {
    default: './data',
  }),
  CONFIDANT_KMS_PORT: whole('Loopback port of the embedded KMS endpoint; 0 takes a free one. Ours.', {
    default: 8081,
    max: 65535,
  }),
  STATIC_FOLDER: optionalText('Accepted for compatibility; there is no folder of a web application here.'),
  CUSTOM_FRONTEND_DIRECTORY: text('Folder with `modules/`, `styles/` and `images/`, served under `/custom/`.'),
  CLIENT_CONFIG: jsonObject('Returned as `defined` by `client_config`.'),
  SSLIFY: flag('Redirect to HTTPS unless the request came over it, and send HSTS.', { default: true }),
  FORWARDED_ALLOW_IPS: list('Addresses of proxies whose X-Forwarded headers count, or `*`.', {
    default: ['127.0.0.1'],
  }),
  USE_AUTH: flag('False: everyone is `unauthenticated user`. Never in production.', { default: true }),
  USE_ENCRYPTION: flag('False: values are stored as `DANGER_NOT_ENCRYPTED_` and base64. Never in production.', {
    default: true,
  }),
  ALLOW_INSECURE_LISTEN: flag(
    'Confirms that USE_AUTH=false, USE_ENCRYPTION=false or DEBUG may listen beyond loopback. Ours.',
    { default: false },
  ),
  ACL_MODULE: text(
    'Who may do what: `confidant.authnz.rbac:default_acl`, `confidant.authnz.rbac:no_acl`, or a JavaScript module and function like `./acl.mjs:check`.',
    { default: 'confidant.authnz.rbac:default_acl' },
  ),
  ACL_POLICY_FILE: text('YAML file of access rules, in place of ACL_MODULE. Ours.'),
  IGNORE_CONFLICTS: flag('Skip the check that mapped credentials share no key.', { default: false }),
  ENFORCE_DOCUMENTATION: flag('Documentation must not be empty when credentials are created or updated.', {
    default: false,
  }),
  MAINTENANCE_MODE: flag('Writes answer 403.', { default: false }),
  MAINTENANCE_MODE_TOUCH_FILE: text('Writes answer 403 while this file exists.'),
  HISTORY_PAGE_LIMIT: whole('Default page size of the `archive/*` lists; 0 means no paging.', { default: 0 }),
  MAX_REQUEST_BODY_BYTES: whole('Larger request bodies are refused with 413. Ours.', {
    default: 1_048_576,
    min: 1024,
    max: 67_108_864,
  }),
  REQUEST_TIMEOUT_SECONDS: seconds('Time allowed for a client to send its whole request. Ours.', { default: 30 }),
  SHUTDOWN_TIMEOUT_SECONDS: seconds('Time allowed for requests in flight when the server stops. Ours.', {
    default: 25,
  }),
  LOG_LEVEL: oneOf('Least severe level that is logged. Ours.', ['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    default: 'info',
  }),
  METRICS_PORT: whole('Port of the Prometheus endpoint `/metrics`; empty means off. Ours.', {
    default: null,
    max: 65535,
  }),
  METRICS_HOST: text('Address of the Prometheus endpoint. Ours.', { default: '127.0.0.1' }),
  GEVENT_RESOLVER: optionalText('Accepted for compatibility; has no meaning here.'),
  GEVENT_REQUEST_TIMEOUT_MS: optionalText('Accepted for compatibility; see REQUEST_TIMEOUT_SECONDS.'),
  GUNICORN_CMD_ARGS: optionalText('Accepted for compatibility; has no meaning here.'),

  // Bootstrap
  SECRETS_BOOTSTRAP: text('Secrets of the server itself, encrypted by KMS: the JSON blob, or `file://path`.', {
    default: '',
    secret: true,
  }),

  // AWS
  AWS_DEFAULT_REGION: text('Region of DynamoDB and KMS.', { default: 'us-east-1' }),
  KMS_URL: url('KMS endpoint, in place of AWS.'),
  KMS_MASTER_KEY: text('Key of data keys and of the bootstrap: `alias/name`, an ARN, a key id, or a bare alias name.'),
  KMS_CONNECTION_TIMEOUT: seconds('Time to connect to KMS.', { default: 1 }),
  KMS_READ_TIMEOUT: seconds('Time for KMS to answer.', { default: 1 }),
  KMS_MAX_POOL_CONNECTIONS: whole('Connections kept to KMS.', { default: 100, min: 1, max: 10_000 }),
  DYNAMODB_URL: url('DynamoDB endpoint, in place of AWS.'),
  DYNAMODB_TABLE: text('Table; empty selects the embedded store.'),
  DYNAMODB_TABLE_ARCHIVE: text('Table that archived credentials move to; empty: archiving is refused.'),
  DYNAMODB_CREATE_TABLE: flag('Create missing tables at start.', { default: false }),
  PYNAMO_CONNECTION_POOL_SIZE: whole('Connections kept to DynamoDB.', { default: 100, min: 1, max: 10_000 }),
  PYNAMO_REQUEST_TIMEOUT_SECONDS: optionalText('Both of the next two, where they are not set.'),
  PYNAMO_CONNECT_TIMEOUT_SECONDS: seconds('Time to connect to DynamoDB.', { default: 1 }),
  PYNAMO_READ_TIMEOUT_SECONDS: seconds('Time for DynamoDB to answer.', { default: 1 }),
  BACKGROUND_CACHE_IAM_ROLES: flag('Keep the list of IAM roles in memory.', { default: true }),
  BACKGROUND_CACHE_IAM_ROLE_REFRESH_RATE: whole('Seconds between refreshes of that list; under 60 counts as 60.', {
    default: 600,
  }),
  BACKGROUND_CACHE_IAM_ROLE_JITTER: whole('Seconds by which a refresh may come earlier or later.', { default: 20 }),

  // KMS authentication
  AUTH_CONTEXT: text('The `to` of every token: the IAM role name of this server.'),
  AUTH_KEY: text('KMS key of services.'),
  USER_AUTH_KEY: text('KMS key of people.'),
  SCOPED_AUTH_KEYS: jsonTextMap('More keys of services, each bound to an account.', '{"alias/sandbox-key":"sandbox"}'),
  AUTH_TOKEN_MAX_LIFETIME: whole('Longest lifetime of a token, in minutes.', { default: 60, min: 1, max: 525_600 }),
  KMS_MINIMUM_TOKEN_VERSION: whole('Oldest token version accepted.', { default: 1, min: 1, max: 2 }),
  KMS_MAXIMUM_TOKEN_VERSION: whole('Newest token version accepted.', { default: 2, min: 1, max: 2 }),
  KMS_AUTH_USER_TYPES: list('Who may authenticate with tokens: `service`, `user`, or both.', { default: ['service'] }),
  KMS_AUTH_MANAGE_GRANTS: flag('Make KMS grants on AUTH_KEY for services that are IAM roles.', { default: true }),
  KMS_AUTH_TOKEN_CACHE_SIZE: whole('Tokens remembered after KMS has checked them.', { default: 4096, max: 1_000_000 }),
  DATA_KEY_CACHE_SIZE: whole('Decrypted data keys kept in memory; 0 keeps none. Ours.', {
    default: 10_000,
    max: 1_000_000,
  }),
  DATA_KEY_CACHE_TTL_SECONDS: whole('Seconds for which a decrypted data key is kept. Ours.', {
    default: 3600,
    max: 86_400,
  }),
  OPENED_CREDENTIAL_CACHE_SIZE: whole(
    'Credentials whose values are kept decrypted in memory for a short while; 0 keeps none and costs CPU. Ours.',
    { default: 5000, max: 1_000_000 },
  ),
  OPENED_CREDENTIAL_CACHE_TTL_SECONDS: whole('Seconds for which they are kept. Ours.', { default: 60, max: 3600 }),

  // People
  USER_AUTH_MODULE: oneOf(
    'How people log in. `local` is the one-time link of the embedded default. Ours: `oidc`, `local`.',
    ['google', 'saml', 'header', 'oidc', 'local', 'null'],
    { default: 'google' },
  ),
  USER_EMAIL_SUFFIX: text('Required end of the e-mail.'),
  GOOGLE_AUTH_EMAIL_SUFFIX: text('Older name of USER_EMAIL_SUFFIX.'),
  USERS_FILE: text('YAML file of the people who may log in: e-mail to name, or a list of e-mails.'),
  GOOGLE_OAUTH_CLIENT_ID: bootstrapText('OAuth client id.'),
  GOOGLE_OAUTH_CONSUMER_SECRET: bootstrapText('OAuth client secret.'),
  AUTHOMATIC_SALT: bootstrapText('Accepted for compatibility; state is protected by the session.'),
  OIDC_ISSUER: url('Issuer of an OpenID provider, for USER_AUTH_MODULE=oidc. Ours.'),
  OIDC_CLIENT_ID: bootstrapText('OpenID client id. Ours.'),
  OIDC_CLIENT_SECRET: bootstrapText('OpenID client secret. Ours.'),
  OIDC_SCOPES: text('Scopes asked for. Ours.', { default: 'openid email profile' }),
  OIDC_EMAIL_CLAIM: text('Claim that holds the e-mail. Ours.', { default: 'email' }),
  OIDC_FIRST_NAME_CLAIM: text('Claim that holds the first name. Ours.', { default: 'given_name' }),
  OIDC_LAST_NAME_CLAIM: text('Claim that holds the last name. Ours.', { default: 'family_name' }),
  OIDC_GROUPS_CLAIM: text('Claim that holds the groups. Ours.', { default: 'groups' }),
  OIDC_TRUST_UNVERIFIED_EMAIL: flag(
    'Accept e-mails of a provider that does not say whether it verified them; never those it says it did not. Ours.',
    { default: false },
  ),
  PUBLIC_URL: url(
    'Root address that browsers use, for redirects; otherwise taken from the request. A proxy in front of a server that answers loopback names only needs it. Ours.',
  ),
  HEADER_AUTH_USERNAME_HEADER: text('Header that a proxy sets for a logged-in person; must be present.'),
  HEADER_AUTH_EMAIL_HEADER: text('Header that holds the e-mail, which is the identity.'),
  HEADER_AUTH_FIRST_NAME_HEADER: text('Header that holds the first name.'),
  HEADER_AUTH_LAST_NAME_HEADER: text('Header that holds the last name.'),
  HEADER_AUTH_GROUPS_HEADER: text('Header that holds comma-separated groups. Ours.'),
  HEADER_AUTH_TRUST_ANY_PROXY: flag('Confirms header login behind FORWARDED_ALLOW_IPS=*. Ours.', { default: false }),
  SAML_CONFIDANT_URL_ROOT: url('Root address that browsers use; required with SAML.'),
  SAML_DEBUG: flag('Show `/v1/saml/debug`; follows DEBUG when unset.', { default: null }),
  SAML_FAKE_HTTPS: flag('Take every request for HTTPS; only with DEBUG.', { default: false }),
  SAML_SP_CERT: text('Certificate of this server, PEM; wins over the file.'),
  SAML_SP_CERT_FILE: text('File of that certificate.'),
  SAML_SP_KEY: bootstrapText('Private key of this server, PEM; wins over the file. With a key, requests are signed.'),
  SAML_SP_KEY_FILE: text('File of that key.'),
  SAML_SP_KEY_FILE_PASSWORD: bootstrapText('Password of that key.'),
  SAML_IDP_ENTITY_ID: text('Entity id of the identity provider.'),
  SAML_IDP_SIGNON_URL: url('Sign-on address of the identity provider (redirect binding).'),
  SAML_IDP_LOGOUT_URL: url('Logout address of the identity provider (redirect binding); optional.'),
  SAML_IDP_CERT: text('Certificate of the identity provider, PEM; wins over the file.'),
  SAML_IDP_CERT_FILE: text('File of that certificate.'),
  SAML_SECURITY_SIG_ALGO: text('Algorithm for what this server signs.', {
    default: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  }),
  SAML_SECURITY_SLO_RESP_SIGNED: flag('Demand signed logout messages.', { default: true }),
  SAML_SECURITY_MESSAGES_SIGNED: flag('Demand a signed response.', { default: true }),
  SAML_SECURITY_ASSERTIONS_SIGNED: flag('Demand signed assertions.', { default: false }),
  SAML_ALLOW_UNSIGNED: flag(
    'Confirms that it does not matter whether the response or the assertion is signed; one must be. Ours.',
    { default: false },
  ),
  SAML_ALLOW_IDP_INITIATED: flag('Accept logins that the identity provider starts. Ours.', { default: false }),
  SAML_WANT_ATTRIBUTE_STATEMENT: flag('Demand attributes.', { default: true }),
  SAML_GROUPS_ATTRIBUTE: text('Attribute that holds the groups. Ours.', { default: 'groups' }),
  SAML_RAW_JSON_SETTINGS: json<Record<string, unknown> | null>(
    'Settings in the form of python3-saml, merged last.',
    'a JSON object',
    { default: null },
    (value) => {
      if (value !== null && !isPlainObject(value)) throw new BadValue('expected a JSON object');
      return value;
    },
  ),

  // Sessions
  SESSION_SECRET: bootstrapText('Key of session cookies. Several, separated by spaces, rotate: the first signs.'),
  SESSION_COOKIE_NAME: text('Name of the session cookie.', { default: 'confidant_session' }),
  XSRF_COOKIE_NAME: text('Name of the cookie that is sent back as X-XSRF-TOKEN.', { default: 'XSRF-TOKEN' }),
  PERMANENT_SESSION_LIFETIME: whole('Seconds that a session lasts after its last use; 0: a browser session.', {
    default: 43_200,
  }),
  MAX_PERMANENT_SESSION_LIFETIME: whole('Seconds that a session lasts after login; 0: as the one above.', {
    default: 86_400,
  }),
  REDIS_URL_FLASK_SESSIONS: text('Redis that holds sessions; empty: encrypted cookies.', {
    default: '',
    secret: true,
  }),
  REDIS_URL: text('As REDIS_URL_FLASK_SESSIONS.', { default: '', secret: true }),
  SESSION_TYPE: oneOf('Kind of the session store.', ['redis'], { default: 'redis' }),
  SESSION_KEY_PREFIX: text('Prefix of session keys in Redis.', { default: 'confidant:' }),
  SESSION_USE_SIGNER: flag('Sign the session id in the cookie.', { default: true }),
  REDIS_SOCKET_TIMEOUT: seconds('Time for Redis to answer.', { default: 2 }),

  // Rotation
  MAXIMUM_ROTATION_DAYS: whole('Days after which a credential is due for rotation; 0: never.', { default: 0 }),
  ROTATION_DAYS_CONFIG: jsonNumberMap('Days by tag; the smallest number counts.', '{"FINANCIALLY_SENSITIVE": 30}'),
  TAGS_EXCLUDING_ROTATION: jsonTextList('Tags of credentials that are never due.'),
  ENABLE_SAVE_LAST_DECRYPTION_TIME: flag('Record when somebody was shown the values of a credential.', {
    default: false,
  }),

  // Events
  STATSD_HOST: text('Host of statsd.', { default: 'localhost' }),
  STATSD_PORT: whole('UDP port of statsd; 0 sends nothing.', { default: 8125, max: 65535 }),
  GRAPHITE_EVENT_URL: url('Address that graphite events are posted to.'),
  GRAPHITE_USERNAME: bootstrapText('User name for graphite.'),
  GRAPHITE_PASSWORD: bootstrapText('Password for graphite.'),
  WEBHOOK_URL: urls('Addresses that changes are posted to.'),
  WEBHOOK_USERNAME: bootstrapText('User name for webhooks.'),
  WEBHOOK_PASSWORD: bootstrapText('Password for webhooks.'),
  WEBHOOK_SIGNING_KEY: bootstrapText('Key that signs webhooks (HMAC-SHA256 over time and body). Ours.'),

  // JWT
  JWT_CERTIFICATE_AUTHORITIES: bootstrapText('Base64 of JSON: environment to a list of `{kid, key, crt, passphrase}`.'),
  JWT_IS_CA_ENCRYPTED: flag('True: the value above comes only from SECRETS_BOOTSTRAP.', { default: true }),
  JWT_ACTIVE_SIGNING_KEYS: jsonTextMap('Environment to kid.', '{"staging":"kid-1"}'),
  JWT_DEFAULT_JWT_EXPIRATION_SECONDS: whole('Lifetime of a JWT in seconds.', { default: 3600, min: 1 }),
  JWT_CACHING_ENABLED: flag('Answer the same JWT while it is fresh.', { default: false }),
  JWT_CACHING_MAX_SIZE: whole('JWTs cached in memory.', { default: 1000, min: 1 }),
  JWT_CACHING_TTL_SECONDS: whole('Seconds for which a JWT is cached.', { default: 900, min: 1 }),
  JWT_CACHING_USE_REDIS: flag('Cache JWTs in Redis.', { default: false }),
  REDIS_URL_JWT_CACHE: text('That Redis.', { default: '', secret: true }),

  // Certificates; the settings of each ACM private CA carry its name: CA_SETTINGS
  ACM_PRIVATE_CAS: list('Names of ACM private CAs. Each has settings that end in its name in capitals.', {
    default: [],
  }),
  AWS_ENDPOINT_URL_ACM_PCA: url('ACM Private CA endpoint, in place of AWS.'),
  CA_TYPE: oneOf('Which certificate authorities are served.', ['aws_acm_pca', 'custom_ca', 'custom'], {
    default: 'aws_acm_pca',
  }),
  CUSTOM_CERTIFICATE_AUTHORITIES: bootstrapText(
    'Base64 of JSON: name to a list of `{kid, key, crt, rootcrt, passphrase}`.',
  ),
  CUSTOM_CA_ENCRYPTED: flag('True: the value above comes only from SECRETS_BOOTSTRAP.', { default: true }),
  CUSTOM_CA_ACTIVE_KEYS: jsonTextMap('Name to kid.', '{"staging":"kid-1"}'),
  CUSTOM_CA_MAX_VALIDITY_DAYS: whole('Longest validity of a certificate, in days; longer requests are cut.', {
    default: 120,
    min: 1,
    max: 36_500,
  }),
  CUSTOM_CA_DOMAIN_REGEX: servicePattern('Which service a name belongs to; empty: the default policy denies.'),
  CUSTOM_CA_CN_ONLY: flag('Check the CN alone, not the SANs. Ours.', { default: false }),
} as const satisfies Record<string, Setting<unknown>>;

type Table = typeof SETTINGS;
export type SettingName = keyof Table;

/** The value of every setting in the table. */
export type SettingValues = {
  readonly [Name in SettingName]: Table[Name] extends Setting<infer Value> ? Value : never;
};
