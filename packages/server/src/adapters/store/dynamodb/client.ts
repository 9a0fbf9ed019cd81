import { BackendUnavailable } from '../../../ports/unavailable.js';
import { type CredentialsProvider, CredentialsCache, defaultCredentials } from '../../aws/credentials.js';
import { AwsJsonClient, AwsRefusal } from '../../aws/json-client.js';

export interface DynamoOptions {
  table: string;
  region: string;
  /** A stand-in's address; default: AWS's for the region. */
  endpoint?: string;
  /** Default: AWS's usual order of sources. */
  credentials?: CredentialsProvider;
  connectTimeoutMs: number;
  readTimeoutMs: number;
  maxSockets: number;
  /** Attempts of one call, the first included. */
  maxAttempts?: number;
}

export const BACKEND = 'dynamodb';

/** The GSI every list is read from: data_type, modified_date. */
export const DATE_INDEX = 'data_type_date_index';

export function dynamoClient(options: DynamoOptions): AwsJsonClient {
  const { region, connectTimeoutMs, readTimeoutMs, maxSockets, maxAttempts } = options;
  return new AwsJsonClient({
    backend: BACKEND,
    service: 'dynamodb',
    targetPrefix: 'DynamoDB_20120810',
    jsonVersion: '1.0',
    region,
    endpoint: options.endpoint ?? `https://dynamodb.${region}.${dnsSuffix(region)}`,
    credentials: options.credentials ? new CredentialsCache(options.credentials) : defaultCredentials(region),
    connectTimeoutMs,
    readTimeoutMs,
    maxSockets,
    ...(maxAttempts !== undefined && { maxAttempts }),
  });
}

function dnsSuffix(region: string): string {
  return region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
}

/**
 * Passes errors on as {@link BackendUnavailable}: a missing table, denied access or a request DynamoDB does not
 * understand is no usable answer either, and must never look like an absent row.
 */
export function asUnavailable(error: unknown): Error {
  return error instanceof AwsRefusal ? new BackendUnavailable(BACKEND, { cause: error }) : (error as Error);
}
