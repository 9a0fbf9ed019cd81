// Whoever runs the tests may have AWS profiles and a Confidant of their own: no test is about those.
const OURS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_EC2_METADATA_DISABLED'];

for (const name of Object.keys(process.env)) {
  if (/^(AWS|CONFIDANT)_(?!TEST_)/.test(name) && !OURS.includes(name)) delete process.env[name];
}
