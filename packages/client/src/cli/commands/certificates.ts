import { readInput } from '../arguments/options.js';
import { success, type Handler } from '../output/outcome.js';

export const handlers: Record<string, Handler> = {
  async get_certificate(context, given) {
    const client = await context.connections.client();
    const query = { san: [...given.list('san')], validity: given.number('validity')! };
    return success({ certificate: await client.getCertificate(given.needed('ca'), given.needed('cn'), query) });
  },

  async get_certificate_from_csr(context, given) {
    const file = given.needed('csr-file');
    const csr = readInput(file === '-' ? 0 : file, 'csr-file');
    const client = await context.connections.client();
    const body = { csr, validity: given.number('validity')! };
    return success({ certificate: await client.signCertificateRequest(given.needed('ca'), body) });
  },

  async get_ca(context, given) {
    return success({ ca: await (await context.connections.client()).getCertificateAuthority(given.needed('ca')) });
  },

  async list_cas(context) {
    return success(await (await context.connections.client()).listCertificateAuthorities());
  },

  async get_jwt(context, given) {
    const resourceId = given.text('resource-id');
    const expirySeconds = given.number('expiry');
    const client = await context.connections.client();
    return success(
      await client.getJwt(given.needed('environment'), {
        ...(resourceId === undefined ? {} : { resourceId }),
        ...(expirySeconds === undefined ? {} : { expirySeconds }),
      }),
    );
  },

  async get_jwks(context, given) {
    return success(await (await context.connections.client()).getPublicKeys(given.needed('environment')));
  },
};
