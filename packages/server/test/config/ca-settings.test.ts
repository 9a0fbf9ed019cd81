import { describe, expect, test } from 'vitest';
import { readSettings } from '../../src/config/parse.js';

const ARN = 'arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/0000-1111';

describe('settings of ACM private CAs', () => {
  test('are read by the name of the CA in capitals, with the defaults of the original', () => {
    const { settings, faults } = readSettings({
      ACM_PRIVATE_CAS: ' web , api,,web',
      ACM_PRIVATE_CA_ARN_WEB: ARN,
      ACM_PRIVATE_CA_ARN_API: ARN,
      ACM_PRIVATE_CA_MAX_VALIDITY_DAYS_API: '7',
    });
    expect(faults).toEqual([]);
    expect(settings.acmPrivateCas.map(({ name }) => name)).toEqual(['web', 'api']);
    expect(settings.acmPrivateCas[0]).toEqual({
      name: 'web',
      ACM_PRIVATE_CA_ARN: ARN,
      ACM_PRIVATE_CA_SIGNING_ALGORITHM: 'SHA256WITHRSA',
      ACM_PRIVATE_CA_TEMPLATE_ARN: 'arn:aws:acm-pca:::template/EndEntityCertificate/V1',
      ACM_PRIVATE_CA_MAX_VALIDITY_DAYS: 120,
      ACM_PRIVATE_CA_DOMAIN_REGEX: '',
      ACM_PRIVATE_CA_CN_ONLY: false,
      ACM_PRIVATE_CA_CSR_COUNTRY_NAME: '',
      ACM_PRIVATE_CA_CSR_STATE_OR_PROVINCE_NAME: '',
      ACM_PRIVATE_CA_CSR_LOCALITY_NAME: '',
      ACM_PRIVATE_CA_CSR_ORGANIZATION_NAME: '',
      ACM_PRIVATE_CA_SELF_SIGN: false,
      ACM_PRIVATE_CA_KEY_SIZE: 2048,
      ACM_PRIVATE_CA_KEY_PUBLIC_EXPONENT_SIZE: 65_537,
      ACM_PRIVATE_CA_CERTIFICATE_USE_CACHE: false,
      ACM_PRIVATE_CA_CERTIFICATE_CACHE_SIZE: 1028,
    });
    expect(settings.acmPrivateCas[1]).toMatchObject({ ACM_PRIVATE_CA_MAX_VALIDITY_DAYS: 7 });
  });

  test.each(['aws', 'aws-us-gov', 'aws-cn', 'aws-eusc', 'aws-iso-b'])(
    'use the default template of the partition of the CA: %s',
    (partition) => {
      const arn = ARN.replace('arn:aws:', `arn:${partition}:`);
      const template = `arn:${partition}:acm-pca:::template/EndEntityCertificate/V1`;
      for (const given of [undefined, '', template]) {
        const { settings, faults } = readSettings({
          ACM_PRIVATE_CAS: 'web',
          ACM_PRIVATE_CA_ARN_WEB: arn,
          ...(given !== undefined && { ACM_PRIVATE_CA_TEMPLATE_ARN_WEB: given }),
        });
        expect(faults).toEqual([]);
        expect(settings.acmPrivateCas[0]?.ACM_PRIVATE_CA_TEMPLATE_ARN).toBe(template);
      }
    },
  );

  test('refuse a template of another partition than that of the CA', () => {
    const { faults } = readSettings({
      ACM_PRIVATE_CAS: 'web',
      ACM_PRIVATE_CA_ARN_WEB: ARN.replace('arn:aws:', 'arn:aws-us-gov:'),
      ACM_PRIVATE_CA_TEMPLATE_ARN_WEB: 'arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1',
    });
    expect(faults).toEqual([
      {
        setting: 'ACM_PRIVATE_CA_TEMPLATE_ARN_WEB',
        problem: 'expected an ARN that begins with arn:aws-us-gov:, as ACM_PRIVATE_CA_ARN_WEB does',
      },
    ]);
  });

  test('that are invalid are reported together with all others, by the name of their variable', () => {
    const { faults } = readSettings({
      PORT: 'x',
      ACM_PRIVATE_CAS: 'a,b,c',
      ACM_PRIVATE_CA_ARN_A: 'arn:aws:s3:::bucket',
      ACM_PRIVATE_CA_ARN_B: ARN,
      ACM_PRIVATE_CA_SELF_SIGN_C: 'true',
      ACM_PRIVATE_CA_DOMAIN_REGEX_B: '(?=x)(?P<service_name>SECRET)',
      ACM_PRIVATE_CA_KEY_SIZE_B: '1024',
      ACM_PRIVATE_CA_KEY_PUBLIC_EXPONENT_SIZE_B: '4',
      ACM_PRIVATE_CA_MAX_VALIDITY_DAYS_C: '0',
      ACM_PRIVATE_CA_CSR_COUNTRY_NAME_C: 'Switzerland',
      CUSTOM_CA_DOMAIN_REGEX: 'no group',
    });
    expect(faults.map(({ setting }) => setting).sort()).toEqual(
      [
        'PORT',
        'ACM_PRIVATE_CA_ARN_A',
        'ACM_PRIVATE_CA_DOMAIN_REGEX_B',
        'ACM_PRIVATE_CA_KEY_SIZE_B',
        'ACM_PRIVATE_CA_KEY_PUBLIC_EXPONENT_SIZE_B',
        'ACM_PRIVATE_CA_MAX_VALIDITY_DAYS_C',
        'ACM_PRIVATE_CA_CSR_COUNTRY_NAME_C',
        'CUSTOM_CA_DOMAIN_REGEX',
      ].sort(),
    );
    expect(JSON.stringify(faults)).not.toContain('SECRET');
  });

  test('require an ARN unless the CA signs by itself, and are not read with a custom CA', () => {
    expect(readSettings({ ACM_PRIVATE_CAS: 'a' }).faults.map(({ setting }) => setting)).toEqual([
      'ACM_PRIVATE_CA_ARN_A',
    ]);
    expect(readSettings({ ACM_PRIVATE_CAS: 'a', ACM_PRIVATE_CA_SELF_SIGN_A: '1' }).faults).toEqual([]);
    expect(readSettings({ ACM_PRIVATE_CAS: 'a', CA_TYPE: 'custom' })).toMatchObject({
      faults: [],
      settings: { acmPrivateCas: [] },
    });
  });
});
