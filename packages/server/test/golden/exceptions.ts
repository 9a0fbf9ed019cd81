import type { Exception } from './replay.js';

const mapped = '6302c1c8ff9e4eb9b8cd2bd095b98373';

/** Every recorded response that is wrong, with the number in docs/original-bugs.md that says what is right. */
export const EXCEPTIONS: Readonly<Record<string, Exception>> = {
  'auth: username with 4 parts': { bug: 11, status: 403 },
  'auth: user: service in account sandbox': { bug: 26, status: 200 },
  'auth: lifetime 24h+10min (timedelta.seconds wraps)': { bug: 7, status: 403 },

  'credentials: POST minimal: name, credential_pairs, enabled': { bug: 23, keys: ['metadata'] },
  'credentials: POST without enabled': { bug: 17, status: 200 },
  // The creation before succeeds here and takes the name.
  'credentials: POST after failed POST: same name': { bug: 17, status: 409 },
  'credentials: POST enabled as string': { bug: 17, status: 400 },
  'credentials: POST enabled as number 0': { bug: 17, status: 400 },
  'credentials: POST without name': { bug: 17, status: 400 },
  'credentials: POST empty name': { bug: 17, status: 400 },
  'credentials: POST name null': { bug: 17, status: 400 },
  'credentials: POST name number': { bug: 17, status: 400 },
  'credentials: POST credential_pairs list': { bug: 17, status: 400 },
  'credentials: POST pair values number/bool/null': { bug: 23, keys: ['metadata'] },
  'credentials: POST pair key empty': { bug: 23, keys: ['metadata'] },
  'credentials: POST keys colliding after lowercase': { bug: 18, status: 400 },
  'credentials: POST tags string': { bug: 17, status: 400 },
  'credentials: POST tags with number': { bug: 17, status: 400 },
  'credentials: POST JSON null': { bug: 25, status: 400 },
  'credentials: POST content-type with charset': { bug: 23, keys: ['metadata'] },
  'credentials: GET list page = base64 of non-key JSON': { bug: 25, status: 400 },
  'credentials: PUT pairs only, no name': { bug: 17, status: 200 },
  'credentials: PUT without credential_pairs': { bug: 17, status: 200, afterwards: { documentation: 'doc2' } },
  'credentials: PUT {}': { bug: 17, status: 200 },
  'credentials: PUT name null': { bug: 17, status: 400 },
  'credentials: PUT credential_pairs null': { bug: 17, status: 400 },
  'credentials: PUT documentation empty, tags null': {
    bug: 17,
    status: 200,
    afterwards: { documentation: 'doc2', tags: ['custom'] },
  },
  'credentials: PUT no JSON': { bug: 25, status: 400 },
  'credentials: diff 2/1 (order does not matter)': { bug: 17 },
  'credentials: revert to 1': { bug: 23, keys: ['credential_keys', 'permissions'] },
  'credentials: archive revisions of an archive id': { bug: 1, status: 404 },
  'credentials: value_generator (no auth needed)': { bug: 11, status: 401 },

  'services: PUT without credentials': {
    bug: 17,
    status: 200,
    afterwards: {
      credentials: [mapped, 'f9ecb660cc4549e5a5b2a9afeb84d961'],
      blind_credentials: ['dd06997e3ad74f5a8a49e772bcfa90b4'],
    },
  },
  'services: PUT without enabled': { bug: 17, status: 200 },
  'services: PUT enabled string': {
    bug: 17,
    status: 400,
    afterwards: { credentials: [mapped], blind_credentials: [], enabled: true },
  },
  'services: PUT unknown credential id': { bug: 3, status: 400, afterwards: { credentials: [mapped], enabled: true } },
  'services: PUT unknown blind credential id': {
    bug: 3,
    status: 400,
    afterwards: { credentials: [mapped], enabled: true },
  },
  'services: PUT archive id as credential': {
    bug: 3,
    status: 400,
    afterwards: { credentials: [mapped], enabled: true },
  },
  'services: PUT credentials null': { bug: 17, status: 200 },
  'services: conflict prep': { bug: 23, keys: ['metadata'] },
  'services: PUT no JSON': { bug: 25, status: 400 },
  'services: GET': { bug: 26, status: 200 },
  'services: revert to 1': { bug: 23, keys: ['permissions'] },
  'services: archive revisions unknown': { bug: 24 },

  'blind_credentials: POST without name': { bug: 17, status: 400 },
  'blind_credentials: POST without enabled': { bug: 17, status: 200 },
  'blind_credentials: POST without metadata': { bug: 23, keys: ['metadata'] },
  'blind_credentials: POST as a service (no ACL at all on blind credentials)': { bug: 4, status: 403 },
  'blind_credentials: GET by a service (allowed)': { bug: 4, status: 403 },
  'blind_credentials: GET a credential id': { bug: 25, status: 404 },
  'blind_credentials: PUT credential id': { bug: 25, status: 400 },
  'blind_credentials: PUT name of another (no 409 check)': { bug: 15, status: 409 },
  // It would have the other's name by now.
  'blind_credentials: conflict prep: map blind with credential': { bug: 15, keys: ['name', 'revision'] },

  'jwks: token staging': { bug: 5 },
  'jwks: token for id': { bug: 5, status: 403 },
  'jwks: token with /id/expiry (what the client sends with --expiry)': { bug: 5, status: 403 },

  'certificates: cert selfsigned': { bug: 6, status: 403 },
  'certificates: cert private (ACM PCA)': { bug: 21, status: 200 },
  'certificates: csr private': { bug: 6, status: 403 },

  'ENFORCE_DOCUMENTATION: POST with': { bug: 23, keys: ['metadata'] },
  'ENABLE_SAVE_LAST_DECRYPTION_TIME: POST': { bug: 23, keys: ['metadata'] },
  'USE_AUTH=false: GET service in account': { bug: 26, status: 200 },
  'USE_AUTH=false: POST': { bug: 23, keys: ['metadata'] },
  'USE_ENCRYPTION=false: POST': { bug: 23, keys: ['metadata'] },
  'IGNORE_CONFLICTS: POST a': { bug: 23, keys: ['metadata'] },
  'IGNORE_CONFLICTS: POST b': { bug: 23, keys: ['metadata'] },
  'no archive table: POST': { bug: 23, keys: ['metadata'] },
  'no archive table: archive': { bug: 16, status: 400 },
  'MAXIMUM_ROTATION_DAYS unset: POST (next_rotation_date == last_rotation_date)': {
    bug: 20,
    keys: ['metadata', 'next_rotation_date'],
  },
  'CA_TYPE=custom_ca: GET cert (key generation unsupported)': { bug: 21, status: 200 },
};
