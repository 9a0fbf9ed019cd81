// The AWS profiles and Confidant settings of the person who runs the tests must not influence them.
const OURS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_EC2_METADATA_DISABLED'];

for (const name of Object.keys(process.env)) {
  if (/^(AWS|CONFIDANT)_(?!TEST_)/.test(name) && !OURS.includes(name)) delete process.env[name];
}
