/** Everything a program needs to call a server except the schemas, which take longer to load than most commands run. */
export * from './addresses.js';
export * from './cli-login.js';
export * from './errors.js';
export * from './json.js';
export * from './loopback.js';
