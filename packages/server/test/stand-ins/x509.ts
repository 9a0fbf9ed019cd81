import './reflect-metadata.js';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

// The library @peculiar/x509, ready for use: it needs reflect-metadata when it is loaded, and a crypto provider.
x509.cryptoProvider.set(webcrypto as never);

export { x509 };
