// Holds synthesised templates against the AWS Solutions rules of cdk-nag.
//
//   node nag.js <directory for what is synthesised> <template>...
//
// A finding fails the check unless suppressions.json has its rule and resource, with a reason. A suppression that no
// template needs fails it as well.

const path = require('node:path');
const { App, Aspects, Stack } = require('aws-cdk-lib');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const { AwsSolutionsChecks } = require('cdk-nag');
const suppressions = require('./suppressions.json');

/** The findings in a template, each with its rule, its resource's logical id and what the rule says. */
function findings(templateFile, outdir) {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Template');
  new CfnInclude(stack, 'Included', { templateFile });
  Aspects.of(app).add(new AwsSolutionsChecks({ verbose: true }));
  return app
    .synth()
    .getStackByName('Template')
    .messages.map((message) => {
      const [rule, ...text] = String(message.entry.data).split(': ');
      return { rule, resource: path.basename(message.id), text: text.join(': ').trim() };
    });
}

/** Whether a suppression is for a finding. Rules with details are named without them: AwsSolutions-IAM5[…]. */
function covers(suppression, { rule, resource }) {
  return rule.replace(/\[.*/s, '') === suppression.rule && new RegExp(suppression.resource).test(resource);
}

const [outdir, ...templates] = process.argv.slice(2);
const used = new Set();
const problems = [];
for (const template of templates) {
  const name = path.basename(template);
  for (const finding of findings(template, path.join(outdir, name))) {
    const matching = suppressions.filter((suppression) => covers(suppression, finding));
    matching.forEach((suppression) => used.add(suppression));
    if (matching.length === 0) {
      problems.push(`${name}: ${finding.resource}: ${finding.rule}: ${finding.text}`);
    }
  }
}
for (const suppression of suppressions) {
  if (!used.has(suppression)) {
    problems.push(`suppressions.json: nothing needs ${suppression.rule} for ${suppression.resource}`);
  }
  if (!suppression.reason) {
    problems.push(`suppressions.json: ${suppression.rule} for ${suppression.resource} has no reason`);
  }
}
problems.forEach((problem) => console.error(problem));
process.exitCode = problems.length > 0 ? 1 : 0;
