import { isPlainObject } from '@confidant/contract';
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
 * text says otherwise; "New in this server" marks settings that the original does not have. docs/reference/settings.md
 * is generated from this table.
 */
export const SETTINGS = {
  // Server
  DEBUG: flag('Debug mode, which also turns off the redirect to HTTPS. Never use it in production.', {
    default: false,
  }),
  HOST: text('Address to listen on. In a container set it to `0.0.0.0`.', { default: '127.0.0.1' }),
  PORT: whole('Port to listen on; 0 picks a free one.', { default: 8080, max: 65535 }),
  WEB_CONCURRENCY: whole('Number of worker processes, which share the port.', { default: 1, min: 1, max: 256 }),
  CONFIDANT_DATA_DIR: text(
    'Directory of the embedded server: database, keyring and client files. New in this server.',
    {
      default: './data',
    },
  ),
  CONFIDANT_KMS_PORT: whole('Loopback port of the embedded KMS endpoint; 0 picks a free one. New in this server.', {
    default: 8081,
    max: 65535,
  }),
  STATIC_FOLDER: optionalText(
    'Accepted for compatibility, without effect: this server has no folder for a web application.',
  ),
  CUSTOM_FRONTEND_DIRECTORY: text('Folder with `modules/`, `styles/` and `images/`, served below `/custom/`.'),
  CLIENT_CONFIG: jsonObject('Any settings for your clients; `GET /v1/client_config` returns them as `defined`.'),
  SSLIFY: flag('Redirect plain HTTP requests to HTTPS, and send HSTS.', { default: true }),
  FORWARDED_ALLOW_IPS: list('Addresses of the proxies whose X-Forwarded headers are trusted, or `*` for any.', {
    default: ['127.0.0.1'],
  }),
  USE_AUTH: flag('Authenticate every request. If false, everyone is `unauthenticated user`; never in production.', {
    default: true,
  }),
  USE_ENCRYPTION: flag(
    'Encrypt values. If false, they are stored as `DANGER_NOT_ENCRYPTED_` and base64; never in production.',
    {
      default: true,
    },
  ),
  ALLOW_INSECURE_LISTEN: flag(
    'Allow a HOST beyond loopback together with USE_AUTH=false, USE_ENCRYPTION=false or DEBUG. New in this server.',
    { default: false },
  ),
  ACL_MODULE: text(
    'Access policy: `confidant.authnz.rbac:default_acl`, `confidant.authnz.rbac:no_acl`, or a JavaScript module and function like `./acl.mjs:check`.',
    { default: 'confidant.authnz.rbac:default_acl' },
  ),
  ACL_POLICY_FILE: text('YAML file of access rules, which replaces ACL_MODULE. New in this server.'),
  IGNORE_CONFLICTS: flag('Allow a service to map credentials that have a key in common.', { default: false }),
  ENFORCE_DOCUMENTATION: flag('Require documentation when a credential is created or updated.', {
    default: false,
  }),
  MAINTENANCE_MODE: flag('Refuse all writes with 403.', { default: false }),
  MAINTENANCE_MODE_TOUCH_FILE: text('Refuse all writes with 403 while this file exists.'),
  HISTORY_PAGE_LIMIT: whole('Default page size of the `archive/*` lists; 0 returns everything on one page.', {
    default: 0,
  }),
  MAX_REQUEST_BODY_BYTES: whole('Refuse larger request bodies with 413. New in this server.', {
    default: 1_048_576,
    min: 1024,
    max: 67_108_864,
  }),
  REQUEST_TIMEOUT_SECONDS: seconds('Time for a client to send its whole request. New in this server.', { default: 30 }),
  SHUTDOWN_TIMEOUT_SECONDS: seconds(
    'Time for requests in flight to finish when the server stops. New in this server.',
    {
      default: 25,
    },
  ),
  LOG_LEVEL: oneOf(
    'Least severe level to log. New in this server.',
    ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    {
      default: 'info',
    },
  ),
  METRICS_PORT: whole('Port of the Prometheus endpoint `/metrics`; empty turns it off. New in this server.', {
    default: null,
    max: 65535,
  }),
  METRICS_HOST: text('Address that the Prometheus endpoint listens on. New in this server.', { default: '127.0.0.1' }),
  GEVENT_RESOLVER: optionalText('Accepted for compatibility, without effect.'),
  GEVENT_REQUEST_TIMEOUT_MS: optionalText('Accepted for compatibility, without effect; see REQUEST_TIMEOUT_SECONDS.'),
  GUNICORN_CMD_ARGS: optionalText('Accepted for compatibility, without effect.'),

  // Bootstrap
  SECRETS_BOOTSTRAP: text(
    "The server's own secrets, encrypted with KMS: a JSON blob, or `file://` and the path of a file with one.",
    {
      default: '',
      secret: true,
    },
  ),

  // AWS
  AWS_DEFAULT_REGION: text('Region of DynamoDB and KMS.', { default: 'us-east-1' }),
  KMS_URL: url("KMS endpoint to use instead of AWS's."),
  KMS_MASTER_KEY: text(
    'KMS key that encrypts data keys and the bootstrap: `alias/name`, an ARN, a key id, or an alias name alone.',
  ),
  KMS_CONNECTION_TIMEOUT: seconds('Time-out for connecting to KMS.', { default: 1 }),
  KMS_READ_TIMEOUT: seconds('Time-out for a response from KMS.', { default: 1 }),
  KMS_MAX_POOL_CONNECTIONS: whole('Maximum number of connections to KMS.', { default: 100, min: 1, max: 10_000 }),
  DYNAMODB_URL: url("DynamoDB endpoint to use instead of AWS's."),
  DYNAMODB_TABLE: text(
    'DynamoDB table. If empty, the embedded server runs, with a SQLite file and a keyring in CONFIDANT_DATA_DIR.',
  ),
  DYNAMODB_TABLE_ARCHIVE: text('DynamoDB table for archived credentials. If empty, archiving is refused.'),
  DYNAMODB_CREATE_TABLE: flag('Create missing tables at the start.', { default: false }),
  PYNAMO_CONNECTION_POOL_SIZE: whole('Maximum number of connections to DynamoDB.', {
    default: 100,
    min: 1,
    max: 10_000,
  }),
  PYNAMO_REQUEST_TIMEOUT_SECONDS: optionalText(
    'Default of PYNAMO_CONNECT_TIMEOUT_SECONDS and PYNAMO_READ_TIMEOUT_SECONDS.',
  ),
  PYNAMO_CONNECT_TIMEOUT_SECONDS: seconds('Time-out for connecting to DynamoDB.', { default: 1 }),
  PYNAMO_READ_TIMEOUT_SECONDS: seconds('Time-out for a response from DynamoDB.', { default: 1 }),
  BACKGROUND_CACHE_IAM_ROLES: flag('Keep the list of IAM roles in memory.', { default: true }),
  BACKGROUND_CACHE_IAM_ROLE_REFRESH_RATE: whole(
    'Seconds between refreshes of the list of IAM roles; less than 60 counts as 60.',
    {
      default: 600,
    },
  ),
  BACKGROUND_CACHE_IAM_ROLE_JITTER: whole('Maximum random shift of each refresh, earlier or later, in seconds.', {
    default: 20,
  }),

  // KMS authentication
  AUTH_CONTEXT: text('The `to` that every token must have: the IAM role name of this server.'),
  AUTH_KEY: text('KMS key that services authenticate with.'),
  USER_AUTH_KEY: text('KMS key that people authenticate with.'),
  SCOPED_AUTH_KEYS: jsonTextMap(
    'More keys that services authenticate with, each for the services of one account.',
    '{"alias/sandbox-key":"sandbox"}',
  ),
  AUTH_TOKEN_MAX_LIFETIME: whole('Maximum lifetime of a token, in minutes.', { default: 60, min: 1, max: 525_600 }),
  KMS_MINIMUM_TOKEN_VERSION: whole('Oldest token version accepted.', { default: 1, min: 1, max: 2 }),
  KMS_MAXIMUM_TOKEN_VERSION: whole('Newest token version accepted.', { default: 2, min: 1, max: 2 }),
  KMS_AUTH_USER_TYPES: list('Who may authenticate with tokens: `service`, `user`, or both.', { default: ['service'] }),
  KMS_AUTH_MANAGE_GRANTS: flag('Create KMS grants on AUTH_KEY for services that are IAM roles.', { default: true }),
  KMS_AUTH_TOKEN_CACHE_SIZE: whole('Number of tokens kept in memory after KMS has verified them.', {
    default: 4096,
    max: 1_000_000,
  }),
  DATA_KEY_CACHE_SIZE: whole('Number of decrypted data keys kept in memory; 0 keeps none. New in this server.', {
    default: 10_000,
    max: 1_000_000,
  }),
  DATA_KEY_CACHE_TTL_SECONDS: whole('Seconds to keep a decrypted data key. New in this server.', {
    default: 3600,
    max: 86_400,
  }),
  OPENED_CREDENTIAL_CACHE_SIZE: whole(
    'Number of credentials whose decrypted values are kept in memory; 0 keeps none, at the cost of CPU time. New in this server.',
    { default: 5000, max: 1_000_000 },
  ),
  OPENED_CREDENTIAL_CACHE_TTL_SECONDS: whole('Seconds to keep decrypted values. New in this server.', {
    default: 60,
    max: 3600,
  }),

  // People
  USER_AUTH_MODULE: oneOf(
    'How people log in; `local` is the one-time link of the embedded server. `oidc` and `local` are new in this server.',
    ['google', 'saml', 'header', 'oidc', 'local', 'null'],
    { default: 'google' },
  ),
  USER_EMAIL_SUFFIX: text('Suffix that the e-mail address of a person must have.'),
  GOOGLE_AUTH_EMAIL_SUFFIX: text('Older name of USER_EMAIL_SUFFIX.'),
  USERS_FILE: text(
    'YAML file of the people who may log in: a map from e-mail address to name, or a list of addresses.',
  ),
  GOOGLE_OAUTH_CLIENT_ID: bootstrapText('Client id for logins with Google.'),
  GOOGLE_OAUTH_CONSUMER_SECRET: bootstrapText('Client secret for logins with Google.'),
  AUTHOMATIC_SALT: bootstrapText(
    'Accepted for compatibility, without effect: the session protects the state of a login.',
  ),
  OIDC_ISSUER: url('Issuer URL of the OpenID provider, for USER_AUTH_MODULE=oidc. New in this server.'),
  OIDC_CLIENT_ID: bootstrapText('Client id at the OpenID provider. New in this server.'),
  OIDC_CLIENT_SECRET: bootstrapText('Client secret at the OpenID provider. New in this server.'),
  OIDC_SCOPES: text('Scopes to request. New in this server.', { default: 'openid email profile' }),
  OIDC_EMAIL_CLAIM: text('Claim with the e-mail address. New in this server.', { default: 'email' }),
  OIDC_FIRST_NAME_CLAIM: text('Claim with the first name. New in this server.', { default: 'given_name' }),
  OIDC_LAST_NAME_CLAIM: text('Claim with the last name. New in this server.', { default: 'family_name' }),
  OIDC_GROUPS_CLAIM: text('Claim with the groups. New in this server.', { default: 'groups' }),
  OIDC_TRUST_UNVERIFIED_EMAIL: flag(
    'Accept e-mail addresses of a provider that does not say whether it has verified them. Addresses that it calls unverified are always refused. New in this server.',
    { default: false },
  ),
  PUBLIC_URL: url(
    'Root URL that browsers use, for redirects; if empty, it is taken from the request. Required behind a proxy if the server listens on loopback without login, or with the one-time link. New in this server.',
  ),
  HEADER_AUTH_USERNAME_HEADER: text(
    'Header that the proxy sets for a person who has logged in; required in every request.',
  ),
  HEADER_AUTH_EMAIL_HEADER: text('Header with the e-mail address, which identifies the person.'),
  HEADER_AUTH_FIRST_NAME_HEADER: text('Header with the first name.'),
  HEADER_AUTH_LAST_NAME_HEADER: text('Header with the last name.'),
  HEADER_AUTH_GROUPS_HEADER: text('Header with the groups, separated by commas. New in this server.'),
  HEADER_AUTH_TRUST_ANY_PROXY: flag('Allow header login with FORWARDED_ALLOW_IPS=*. New in this server.', {
    default: false,
  }),
  SAML_CONFIDANT_URL_ROOT: url('Root URL that browsers use; required with SAML.'),
  SAML_DEBUG: flag('Serve `/v1/saml/debug` to authenticated callers. If not set, DEBUG decides.', { default: null }),
  SAML_FAKE_HTTPS: flag('Treat every request as HTTPS; only with DEBUG.', { default: false }),
  SAML_SP_ENTITY_ID: text(
    'Entity id of this server. If not set, it is the address of `/v1/saml/metadata`. New in this server.',
  ),
  SAML_SP_CERT: text('Certificate of this server in PEM or base64; overrides the file.'),
  SAML_SP_CERT_FILE: text('File with the certificate of this server.'),
  SAML_SP_KEY: bootstrapText(
    'Private key of this server in PEM or base64; overrides the file. With a key, requests are signed.',
  ),
  SAML_SP_KEY_FILE: text('File with the private key of this server.'),
  SAML_SP_KEY_FILE_PASSWORD: bootstrapText('Password of the private key in SAML_SP_KEY or SAML_SP_KEY_FILE.'),
  SAML_IDP_ENTITY_ID: text('Entity id of the identity provider.'),
  SAML_IDP_SIGNON_URL: url('Sign-on URL of the identity provider (redirect binding).'),
  SAML_IDP_LOGOUT_URL: url('Logout URL of the identity provider (redirect binding); optional.'),
  SAML_IDP_CERT: text('Certificate of the identity provider in PEM or base64, or several; overrides the file.'),
  SAML_IDP_CERT_FILE: text('File with the certificate of the identity provider.'),
  SAML_SECURITY_SIG_ALGO: text("Algorithm of this server's signatures.", {
    default: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  }),
  SAML_SECURITY_SLO_RESP_SIGNED: flag('Require signed logout messages.', { default: true }),
  SAML_SECURITY_MESSAGES_SIGNED: flag('Require signed responses.', { default: true }),
  SAML_SECURITY_ASSERTIONS_SIGNED: flag('Require signed assertions.', { default: false }),
  SAML_ALLOW_UNSIGNED: flag(
    'Allow SAML_SECURITY_MESSAGES_SIGNED and SAML_SECURITY_ASSERTIONS_SIGNED to be both false. The response or the assertion must still be signed. New in this server.',
    { default: false },
  ),
  SAML_ALLOW_IDP_INITIATED: flag('Accept logins that the identity provider starts. New in this server.', {
    default: false,
  }),
  SAML_WANT_ATTRIBUTE_STATEMENT: flag(
    'Require an attribute statement. Set it to false if the provider sends no attributes.',
    { default: true },
  ),
  SAML_GROUPS_ATTRIBUTE: text('Attribute with the groups. New in this server.', { default: 'groups' }),
  SAML_RAW_JSON_SETTINGS: json<Record<string, unknown> | null>(
    'Settings in the form of python3-saml, which override all others.',
    'a JSON object',
    { default: null },
    (value) => {
      if (value !== null && !isPlainObject(value)) throw new BadValue('expected a JSON object');
      return value;
    },
  ),

  // Sessions
  SESSION_SECRET: bootstrapText(
    'Key that protects session cookies. To rotate it, set several, separated by spaces: the first one signs, the others are still accepted.',
  ),
  SESSION_COOKIE_NAME: text('Name of the session cookie.', { default: 'confidant_session' }),
  XSRF_COOKIE_NAME: text('Name of the cookie that clients send back in the header X-XSRF-TOKEN.', {
    default: 'XSRF-TOKEN',
  }),
  PERMANENT_SESSION_LIFETIME: whole(
    'Seconds that a session lasts after its last use; 0 keeps it until the browser closes.',
    {
      default: 43_200,
    },
  ),
  MAX_PERMANENT_SESSION_LIFETIME: whole(
    'Maximum seconds from login to the end of a session; 0 means PERMANENT_SESSION_LIFETIME. Sessions that last until the browser closes have no maximum.',
    {
      default: 86_400,
    },
  ),
  REDIS_URL_FLASK_SESSIONS: text('Redis URL for sessions. If empty, sessions are kept in encrypted cookies.', {
    default: '',
    secret: true,
  }),
  REDIS_URL: text('Older name of REDIS_URL_FLASK_SESSIONS.', { default: '', secret: true }),
  SESSION_TYPE: oneOf('Kind of session store.', ['redis'], { default: 'redis' }),
  SESSION_KEY_PREFIX: text('Prefix of the keys of sessions in Redis.', { default: 'confidant:' }),
  SESSION_USE_SIGNER: flag('Sign the session id in the cookie.', { default: true }),
  REDIS_SOCKET_TIMEOUT: seconds('Time-out for a response from Redis.', { default: 2 }),

  // Rotation
  MAXIMUM_ROTATION_DAYS: whole('Days after which a credential is due for rotation; 0 means never.', { default: 0 }),
  ROTATION_DAYS_CONFIG: jsonNumberMap(
    'Days by tag; if a credential has several of the tags, the smallest number counts.',
    '{"FINANCIALLY_SENSITIVE": 30}',
  ),
  TAGS_EXCLUDING_ROTATION: jsonTextList('Tags of credentials that are never due for rotation.'),
  ENABLE_SAVE_LAST_DECRYPTION_TIME: flag('Record when the values of a credential were last shown to someone.', {
    default: false,
  }),

  // Events
  STATSD_HOST: text('Host of statsd.', { default: 'localhost' }),
  STATSD_PORT: whole('UDP port of statsd; 0 turns statsd off.', { default: 8125, max: 65535 }),
  GRAPHITE_EVENT_URL: url('URL to post Graphite events to.'),
  GRAPHITE_USERNAME: bootstrapText('User name for Graphite.'),
  GRAPHITE_PASSWORD: bootstrapText('Password for Graphite.'),
  WEBHOOK_URL: urls('URLs to post changes to.'),
  WEBHOOK_USERNAME: bootstrapText('User name for webhooks.'),
  WEBHOOK_PASSWORD: bootstrapText('Password for webhooks.'),
  WEBHOOK_SIGNING_KEY: bootstrapText('Key that signs webhooks (HMAC-SHA256 over time and body). New in this server.'),

  // JWT
  JWT_CERTIFICATE_AUTHORITIES: bootstrapText(
    'Signing keys: base64 of a JSON object that maps each environment to a list of `{kid, key, crt, passphrase}`.',
  ),
  JWT_IS_CA_ENCRYPTED: flag(
    'Whether JWT_CERTIFICATE_AUTHORITIES comes only from SECRETS_BOOTSTRAP. If false, it comes only from the variable.',
    { default: true },
  ),
  JWT_ACTIVE_SIGNING_KEYS: jsonTextMap('The kid to sign with, by environment.', '{"staging":"kid-1"}'),
  JWT_DEFAULT_JWT_EXPIRATION_SECONDS: whole('Lifetime of a JWT in seconds.', { default: 3600, min: 1 }),
  JWT_CACHING_ENABLED: flag('Cache JWTs, and return the same one while it is fresh.', { default: false }),
  JWT_CACHING_MAX_SIZE: whole('Number of JWTs cached in memory.', { default: 1000, min: 1 }),
  JWT_CACHING_TTL_SECONDS: whole('Seconds to cache a JWT.', { default: 900, min: 1 }),
  JWT_CACHING_USE_REDIS: flag('Cache JWTs in Redis instead of in memory.', { default: false }),
  REDIS_URL_JWT_CACHE: text('Redis URL of the JWT cache.', { default: '', secret: true }),

  // Certificates. The settings of each ACM private CA stand in CA_SETTINGS.
  ACM_PRIVATE_CAS: list(
    'Names of the ACM private CAs. Each has settings of its own, whose names end in that name in capitals.',
    {
      default: [],
    },
  ),
  AWS_ENDPOINT_URL_ACM_PCA: url("ACM Private CA endpoint to use instead of AWS's."),
  CA_TYPE: oneOf(
    'Kind of certificate authorities; `custom` and `custom_ca` mean the same.',
    ['aws_acm_pca', 'custom_ca', 'custom'],
    {
      default: 'aws_acm_pca',
    },
  ),
  CUSTOM_CERTIFICATE_AUTHORITIES: bootstrapText(
    'Base64 of a JSON object that maps the name of each CA to a list of `{kid, key, crt, rootcrt, passphrase}`.',
  ),
  CUSTOM_CA_ENCRYPTED: flag(
    'Whether CUSTOM_CERTIFICATE_AUTHORITIES comes only from SECRETS_BOOTSTRAP. If false, it comes only from the variable.',
    { default: true },
  ),
  CUSTOM_CA_ACTIVE_KEYS: jsonTextMap('The kid to sign with, by the name of the CA.', '{"staging":"kid-1"}'),
  CUSTOM_CA_MAX_VALIDITY_DAYS: whole('Maximum validity of a certificate, in days. Requests for more get this many.', {
    default: 120,
    min: 1,
    max: 36_500,
  }),
  CUSTOM_CA_DOMAIN_REGEX: servicePattern(
    'Pattern that finds the service in a name to certify. If empty, the default policy refuses every name.',
  ),
  CUSTOM_CA_CN_ONLY: flag('Check only the CN, not the alternative names. New in this server.', { default: false }),
} as const satisfies Record<string, Setting<unknown>>;

type Table = typeof SETTINGS;
export type SettingName = keyof Table;

/** The value of every setting in the table. */
export type SettingValues = {
  readonly [Name in SettingName]: Table[Name] extends Setting<infer Value> ? Value : never;
};
