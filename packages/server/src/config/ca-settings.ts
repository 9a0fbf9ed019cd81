import { BadPattern, CaNames } from '../domain/ca-names.js';
import { BadValue, type Environment, type Fault, flag, type Setting, text, whole } from './setting-types.js';

/** A Python pattern with a group `service_name`. */
export function servicePattern(doc: string): Setting<string> {
  return {
    ...text(doc),
    expects: 'a Python pattern with a group `(?P<service_name>...)`',
    parse: (value) => {
      try {
        if (value !== '') void new CaNames(value);
      } catch (error) {
        if (error instanceof BadPattern) throw new BadValue(error.message);
        throw error;
      }
      return value;
    },
  };
}

function matching(base: Setting<string>, expects: string, pattern: RegExp): Setting<string> {
  return {
    ...base,
    expects,
    parse: (value) => {
      if (value !== '' && !pattern.test(value)) throw new BadValue(`expected ${expects}`);
      return base.parse(value);
    },
  };
}

const rsaExponent = whole('Public exponent of the RSA keys that the server generates: 65537 or 3.', {
  default: 65_537,
});

/** The settings of one ACM private CA. `_` and the name of the CA in capitals follow these names. */
export const CA_SETTINGS = {
  ACM_PRIVATE_CA_ARN: matching(
    text('ARN of the private CA; required unless ACM_PRIVATE_CA_SELF_SIGN_X is set.'),
    'an ARN of ACM Private CA',
    /^arn:[\w-]+:acm-pca:[\w-]+:\d{12}:certificate-authority\/[\w-]+$/,
  ),
  ACM_PRIVATE_CA_SIGNING_ALGORITHM: matching(
    text('Signing algorithm of the CA.', { default: 'SHA256WITHRSA' }),
    'a signing algorithm of ACM Private CA',
    /^[A-Z0-9_]{1,64}$/,
  ),
  ACM_PRIVATE_CA_TEMPLATE_ARN: text(
    "ARN of the certificate template. If empty, `EndEntityCertificate/V1` in the CA's partition. The original read this setting but did not use it.",
  ),
  ACM_PRIVATE_CA_MAX_VALIDITY_DAYS: whole(
    'Maximum validity of a certificate, in days. Requests for more get this many.',
    {
      default: 120,
      min: 1,
      max: 36_500,
    },
  ),
  ACM_PRIVATE_CA_DOMAIN_REGEX: servicePattern(
    'Pattern that finds the service in a name to certify. If empty, the default policy refuses every name.',
  ),
  ACM_PRIVATE_CA_CN_ONLY: flag('Check only the CN, not the alternative names. New in this server.', { default: false }),
  ACM_PRIVATE_CA_CSR_COUNTRY_NAME: matching(
    text('Country in the subject of the signing requests that the server makes.'),
    'a country code of two letters',
    /^[A-Za-z]{2}$/,
  ),
  ACM_PRIVATE_CA_CSR_STATE_OR_PROVINCE_NAME: text('State or province in the subject of these requests.'),
  ACM_PRIVATE_CA_CSR_LOCALITY_NAME: text('Locality in the subject of these requests.'),
  ACM_PRIVATE_CA_CSR_ORGANIZATION_NAME: text('Organization in the subject of these requests.'),
  ACM_PRIVATE_CA_SELF_SIGN: flag(
    'For development: `GET certificates` returns self-signed certificates, without asking the CA.',
    {
      default: false,
    },
  ),
  ACM_PRIVATE_CA_KEY_SIZE: whole('Size of the RSA keys that the server generates, in bits.', {
    default: 2048,
    min: 2048,
    max: 8192,
  }),
  ACM_PRIVATE_CA_KEY_PUBLIC_EXPONENT_SIZE: {
    ...rsaExponent,
    expects: '65537 or 3',
    parse: (value: string) => {
      const number = rsaExponent.parse(value);
      if (number !== 65_537 && number !== 3) throw new BadValue('expected 65537 or 3');
      return number;
    },
  },
  ACM_PRIVATE_CA_CERTIFICATE_USE_CACHE: flag(
    'Cache the keys and certificates of `GET certificates`: the same CN, alternative names, validity and day get the same ones.',
    { default: false },
  ),
  ACM_PRIVATE_CA_CERTIFICATE_CACHE_SIZE: whole('Maximum number of certificates in this cache.', {
    default: 1028,
    min: 1,
    max: 100_000,
  }),
} as const satisfies Record<string, Setting<unknown>>;

type Table = typeof CA_SETTINGS;

/** The settings of one ACM private CA. */
export type CaSettings = { readonly name: string } & {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never;
};

/** The partition of an ARN, like `aws-us-gov`; undefined for what is not an ARN. */
function partitionOf(arn: string): string | undefined {
  const [prefix, partition] = arn.split(':');
  return prefix === 'arn' ? partition : undefined;
}

/** Reads the settings of the CAs with these names, and adds their faults to `faults`. */
export function readCaSettings(environment: Environment, names: readonly string[], faults: Fault[]): CaSettings[] {
  return [...new Set(names)].map((name) => {
    const values: Record<string, unknown> = { name };
    const variable = (setting: string): string => `${setting}_${name.toUpperCase()}`;
    for (const [setting, kind] of Object.entries(CA_SETTINGS) as [string, Setting<unknown>][]) {
      const text = environment[variable(setting)];
      try {
        values[setting] = text === undefined ? kind.fallback : kind.parse(text);
      } catch (error) {
        if (!(error instanceof BadValue)) throw error;
        values[setting] = kind.fallback;
        faults.push({ setting: variable(setting), problem: error.message });
      }
    }
    const partition = partitionOf(String(values['ACM_PRIVATE_CA_ARN'])) || 'aws';
    values['ACM_PRIVATE_CA_TEMPLATE_ARN'] ||= `arn:${partition}:acm-pca:::template/EndEntityCertificate/V1`;
    const settings = values as unknown as CaSettings;
    if (settings.ACM_PRIVATE_CA_ARN !== '' && partitionOf(settings.ACM_PRIVATE_CA_TEMPLATE_ARN) !== partition) {
      faults.push({
        setting: variable('ACM_PRIVATE_CA_TEMPLATE_ARN'),
        problem: `expected an ARN that begins with arn:${partition}:, as ${variable('ACM_PRIVATE_CA_ARN')} does`,
      });
    }
    if (!environment[variable('ACM_PRIVATE_CA_ARN')] && !settings.ACM_PRIVATE_CA_SELF_SIGN) {
      const selfSign = variable('ACM_PRIVATE_CA_SELF_SIGN');
      faults.push({ setting: variable('ACM_PRIVATE_CA_ARN'), problem: `required, unless ${selfSign} is set` });
    }
    return settings;
  });
}
