export { ConfidantClient } from './sdk/client.js';
export type {
  AttemptEvent,
  AuthProvider,
  CallerOptions,
  CallOptions,
  RequestInput,
  RetryEvent,
} from './sdk/route-caller.js';
export { ConfidantError, ConfigError } from './sdk/errors.js';
export type { ConfidantErrorCode, ConfidantErrorDetails } from './sdk/errors.js';
export { nodeTransport } from './sdk/transport.js';
export type { NodeTransportOptions, Transport, TransportRequest, TransportResponse } from './sdk/transport.js';
export { basicAuthorization, connect, connectSession } from './sdk/connect.js';
export type { ConnectOptions, Connection, KmsConnection } from './sdk/connect.js';
export type { LoginSession } from './sdk/session-transport.js';
export { completeServerSettings, completeSettings, loadProfile } from './sdk/config/profile.js';
export type {
  AuthContext,
  ClientSettings,
  ConfigProfile,
  ServerSettings,
  SettingsPlace,
} from './sdk/config/profile.js';
export { AwsSessionError } from './sdk/aws-session.js';
export { BlindCredentialError, contextsOf, openBlindCredential } from './sdk/blind-credentials.js';
export { decryptBlind, encryptBlind } from '@confidant/kmsauth';
