import { readInput } from '../arguments/input.js';
import { success } from '../output/outcome.js';
import type { Handlers } from './handler.js';

export const handlers: Handlers<'certificates'> = {
  async get_certificate(context, options) {
    const client = await context.connections.client();
    const query = { san: [...options.san], validity: options.validity };
    return success({ certificate: await client.getCertificate(options.ca, options.cn, query) });
  },

  async get_certificate_from_csr(context, options) {
    const file = options.csrFile;
    const csr = readInput(file === '-' ? 0 : file, 'csr-file');
    const client = await context.connections.client();
    const body = { csr, validity: options.validity };
    return success({ certificate: await client.signCertificateRequest(options.ca, body) });
  },

  async get_ca(context, options) {
    return success({ ca: await (await context.connections.client()).getCertificateAuthority(options.ca) });
  },

  async list_cas(context) {
    return success(await (await context.connections.client()).listCertificateAuthorities());
  },

  async get_jwt(context, options) {
    const resourceId = options.resourceId;
    const expirySeconds = options.expiry;
    const client = await context.connections.client();
    return success(
      await client.getJwt(options.environment, {
        ...(resourceId !== undefined && { resourceId }),
        ...(expirySeconds !== undefined && { expirySeconds }),
      }),
    );
  },

  async get_jwks(context, options) {
    return success(await (await context.connections.client()).getPublicKeys(options.environment));
  },
};
