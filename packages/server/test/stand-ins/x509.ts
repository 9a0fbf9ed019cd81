import './reflect-metadata.js';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

// Another library for certificates than ours, ready for use: it needs something at its load, and a provider.
x509.cryptoProvider.set(webcrypto as never);

export { x509 };
