export * from './blind-credentials.js';
export * from './credentials.js';
export * from './errors.js';
export * from './identity.js';
export * from './json.js';
export * from './primitives.js';
export * from './routes.js';
export * from './services.js';
