export interface EndpointOptions {
  /** The name of the service in AWS's host names, like `dynamodb`. */
  service: string;
  /** The SDK's id of the service, of which it makes the name `AWS_ENDPOINT_URL_<SERVICE>`. */
  serviceId: string;
  region: string;
  /** An endpoint from our own settings; it overrides every other one. */
  url?: string;
}

/** What decides about an endpoint, under the names of AWS's rule sets. An interface would not be assignable to the SDK's type. */
type Rules = {
  /** The endpoint of the environment or of the shared config file. */
  Endpoint?: string;
  UseFIPS?: boolean;
  UseDualStack?: boolean;
};

/**
 * The endpoint of an AWS service for a client of our own, by the SDK's rules: `url`, else AWS_ENDPOINT_URL_<SERVICE> or
 * AWS_ENDPOINT_URL or `endpoint_url` of the shared config file (unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is set), else
 * AWS's host in the region's partition, in the variant of AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT.
 *
 * Rejects with a text for the operator when these contradict each other.
 */
export async function awsEndpoint({ service, serviceId, region, url }: EndpointOptions): Promise<string> {
  const [endpoints, config, { partition }] = await Promise.all([
    import('@smithy/core/endpoints'),
    import('@smithy/core/config'),
    import('@aws-sdk/core/client'),
  ]);

  /** The rules of DynamoDB and ACM Private CA, as AWS publishes them. */
  function resolve({ Endpoint, UseFIPS = false, UseDualStack = false }: Rules): URL {
    const chosen = url ?? Endpoint;
    if (chosen !== undefined) {
      if (UseFIPS) throw new Error('AWS_USE_FIPS_ENDPOINT cannot be combined with an endpoint of your own');
      if (UseDualStack) throw new Error('AWS_USE_DUALSTACK_ENDPOINT cannot be combined with an endpoint of your own');
      return new URL(chosen);
    }
    if (!endpoints.isValidHostLabel(region)) throw new Error(`${JSON.stringify(region)} is not an AWS region`);
    const { name, dnsSuffix, dualStackDnsSuffix, supportsFIPS, supportsDualStack } = partition(region);
    if (UseFIPS && !supportsFIPS) throw new Error(`AWS has no FIPS endpoints in ${region}`);
    if (UseDualStack && !supportsDualStack) throw new Error(`AWS has no dual-stack endpoints in ${region}`);
    // In AWS GovCloud the usual endpoints are FIPS endpoints.
    const hasFipsName = UseFIPS && (UseDualStack || name !== 'aws-us-gov');
    return new URL(
      `https://${service}${hasFipsName ? '-fips' : ''}.${region}.${UseDualStack ? dualStackDnsSuffix : dnsSuffix}`,
    );
  }

  try {
    const resolved = await endpoints.getEndpointFromInstructions<Rules, object, object>(
      {},
      {
        getEndpointParameterInstructions: () => ({
          Endpoint: { type: 'builtInParams', name: 'endpoint' },
          UseFIPS: { type: 'builtInParams', name: 'useFipsEndpoint' },
          UseDualStack: { type: 'builtInParams', name: 'useDualstackEndpoint' },
        }),
      },
      {
        serviceId,
        useFipsEndpoint: config.loadConfig(config.NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS),
        useDualstackEndpoint: config.loadConfig(config.NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS),
        endpointProvider: (rules) => ({ url: resolve(rules) }),
      },
    );
    if (!/^https?:$/.test(resolved.url.protocol)) throw new Error('it must be an http:// or https:// URL');
    return resolved.url.href;
  } catch (error) {
    throw new Error(`the endpoint of ${serviceId} cannot be determined: ${(error as Error).message}`, { cause: error });
  }
}
