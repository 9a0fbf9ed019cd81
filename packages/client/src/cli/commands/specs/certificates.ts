import type { CommandSpec } from '../../arguments/command-spec.js';

/** Certificates and tokens that the server signs. */
export const CERTIFICATE_COMMANDS = [
  {
    name: 'get_certificate',
    summary: 'Get a certificate and its key',
    options: [
      { flags: '--ca <ca>', text: 'certificate authority', required: true },
      { flags: '--cn <name>', text: 'common name', required: true },
      { flags: '--san <names...>', text: 'subject alternative names' },
      {
        flags: '--validity <days>',
        text: 'number of days that the certificate is valid',
        kind: 'whole',
        fallback: 120,
      },
    ],
    examples: ['get_certificate --ca private --cn web-production.example.com --san www.example.com'],
    module: 'certificates',
  },
  {
    name: 'get_certificate_from_csr',
    summary: 'Get a certificate for a signing request',
    options: [
      { flags: '--ca <ca>', text: 'certificate authority', required: true },
      { flags: '--csr-file <file>', text: 'PEM file of the signing request; - reads standard input', required: true },
      {
        flags: '--validity <days>',
        text: 'number of days that the certificate is valid',
        kind: 'whole',
        fallback: 120,
      },
    ],
    examples: ['get_certificate_from_csr --ca private --csr-file web.csr'],
    module: 'certificates',
  },
  {
    name: 'get_ca',
    summary: 'Show a certificate authority',
    options: [{ flags: '--ca <ca>', text: 'certificate authority', required: true }],
    examples: ['get_ca --ca private'],
    module: 'certificates',
  },
  {
    name: 'list_cas',
    summary: 'List certificate authorities',
    options: [],
    examples: ['list_cas'],
    prints: 'list',
    module: 'certificates',
  },
  {
    name: 'get_jwt',
    summary: 'Get a JSON Web Token',
    options: [
      { flags: '--environment <name>', text: 'environment the token is for', required: true },
      { flags: '--resource-id <id>', text: 'person or service that the token is for (default: you)' },
      { flags: '--expiry <seconds>', text: 'number of seconds that the token is valid', kind: 'whole' },
    ],
    examples: ['get_jwt --environment staging'],
    module: 'certificates',
  },
  {
    name: 'get_jwks',
    summary: 'Get the public keys of an environment',
    options: [{ flags: '--environment <name>', text: 'environment', required: true }],
    examples: ['get_jwks --environment staging'],
    module: 'certificates',
  },
] as const satisfies readonly CommandSpec[];
