import { makeMissing } from '../app/grants.js';
import { isServiceGrant } from '../domain/grants.js';
import { withBackends } from './backends.js';
import { AdminError, type CommandGroup } from './command.js';

/** `manage_kms_auth_grants` and `revoke_all_kms_auth_grants`. */
export const grantCommands: CommandGroup = (program, context) => {
  program
    .command('manage_kms_auth_grants')
    .description('create missing KMS grants on AUTH_KEY for services that are IAM roles')
    .action(async () => {
      await withBackends(context, async (app, settings) => {
        if (!settings.KMS_AUTH_MANAGE_GRANTS)
          throw new AdminError('KMS_AUTH_MANAGE_GRANTS is false: set it to true to manage grants');
        const services = new Set((await app.store.list('service', { archived: false })).rows.map(({ id }) => id));
        for (const role of await app.roles.list()) {
          if (!services.has(role)) continue;
          context.out(`Managing grants for ${role}.\n`);
          try {
            const arn = await app.roles.arnOf(role);
            if (arn !== undefined) await makeMissing(app, role, arn);
          } catch (error) {
            context.err(`Service ${role}: ${(error as Error).message}\n`);
            context.exitCode = 1;
          }
        }
        context.out('Finished managing grants.\n');
      });
    });

  program
    .command('revoke_all_kms_auth_grants')
    .description('revoke all KMS grants on AUTH_KEY that were created for services; other grants stay')
    .action(async () => {
      await withBackends(context, async (app) => {
        let revoked = 0;
        for (const grant of (await app.authGrants.list()).filter(isServiceGrant)) {
          context.out(`Revoking grant ${grant.id} to ${grant.principal}.\n`);
          try {
            await app.authGrants.revoke(grant.id);
            revoked += 1;
          } catch (error) {
            context.err(`Grant ${grant.id}: ${(error as Error).message}\n`);
            context.exitCode = 1;
          }
        }
        context.out(`Revoked ${revoked} ${revoked === 1 ? 'grant' : 'grants'}.\nFinished revoking grants.\n`);
      });
    });
};
