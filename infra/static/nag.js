// Holds synthesised templates against the AWS Solutions and the Serverless rules of cdk-nag.
//
//   node nag.js <directory for what is synthesised> <template>...
//
// A finding fails the check unless suppressions.json has its rule and resource, with a reason that is true for the
// template. A suppression that a template it is for does not need fails it as well.

const path = require('node:path');
const { App, Aspects, Stack } = require('aws-cdk-lib');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const { AwsSolutionsChecks, ServerlessChecks } = require('cdk-nag');
const suppressions = require('./suppressions.json');

/** The findings in a template, each with its rule, its resource's logical id and what the rule says. */
function findings(templateFile, outdir) {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Template');
  new CfnInclude(stack, 'Included', { templateFile });
  Aspects.of(app).add(new AwsSolutionsChecks({ verbose: true }));
  Aspects.of(app).add(new ServerlessChecks({ verbose: true }));
  return app
    .synth()
    .getStackByName('Template')
    .messages.map((message) => {
      const [rule, ...text] = String(message.entry.data).split(': ');
      return { rule, resource: path.basename(message.id), text: text.join(': ').trim() };
    });
}

/** Whether a suppression is for a template: for all of them, unless it names its stages. */
function isFor({ stages }, template) {
  return stages === undefined || stages.includes(template);
}

/** Whether a suppression is for a finding. Rules with details are named without them: AwsSolutions-IAM5[…]. */
function covers(suppression, { rule, resource }) {
  return rule.replace(/\[.*/s, '') === suppression.rule && new RegExp(suppression.resource).test(resource);
}

const [outdir, ...templates] = process.argv.slice(2);
const problems = [];
for (const template of templates) {
  const name = path.basename(template, '.template.json');
  const suppressed = suppressions.filter((suppression) => isFor(suppression, name));
  const used = new Set();
  for (const finding of findings(template, path.join(outdir, name))) {
    const matching = suppressed.filter((suppression) => covers(suppression, finding));
    matching.forEach((suppression) => used.add(suppression));
    if (matching.length === 0) {
      problems.push(`${name}: ${finding.resource}: ${finding.rule}: ${finding.text}`);
    }
  }
  for (const suppression of suppressed.filter((each) => !used.has(each))) {
    problems.push(`suppressions.json: ${name} does not need ${suppression.rule} for ${suppression.resource}`);
  }
}
for (const suppression of suppressions.filter(({ reason }) => !reason)) {
  problems.push(`suppressions.json: ${suppression.rule} for ${suppression.resource} has no reason`);
}
problems.forEach((problem) => console.error(problem));
process.exitCode = problems.length > 0 ? 1 : 0;
