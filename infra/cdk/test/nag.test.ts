import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PolicyValidationPluginReport, Validations, aws_sqs as sqs } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { RedriveAttachmentStack, RedriveStack } from '../lib';
import { attachedProps, wholeProps } from './parameters';
import { ATTACH_SETS, WHOLE_SETS } from './sets';
import { app, stub } from './stacks';

const code = stub();

/** Every form in every setting. */
function everything(): ReturnType<typeof app> {
  const all = app();
  Object.values(WHOLE_SETS).forEach((values, at) => new RedriveStack(all, `whole${at}`, wholeProps(values, code)));
  Object.values(ATTACH_SETS).forEach(
    (values, at) => new RedriveAttachmentStack(all, `attached${at}`, attachedProps(values, code)),
  );
  return all;
}

const rules = (report: PolicyValidationPluginReport): string[] => report.violations.map(({ ruleName }) => ruleName).sort();

void it('leaves cdk-nag without a finding that nobody has explained', () => {
  const all = everything();
  assert.deepEqual(rules(new AwsSolutionsChecks(all).validateScope(all)), []);
});

void it('explains no finding that is none', () => {
  const all = everything();
  const key = Validations.ACKNOWLEDGED_RULES_METADATA_KEY;
  const explained = all.node
    .findAll()
    .flatMap(({ node }) => node.metadata.filter(({ type }) => type === key).flatMap(({ data }) => Object.keys(data as object)));
  const ids = new Set(explained.map((id) => id.replace(/^annotation::/i, '')));
  const pack = new AwsSolutionsChecks(all);
  Object.assign(pack, { isAcknowledged: () => false });
  assert.deepEqual([...ids].sort(), rules(pack.validateScope(all)));
});

void it('would find what nobody has explained', () => {
  const all = app();
  const stack = new RedriveStack(all, 'redrive', { queue: { code } });
  new sqs.Queue(stack, 'Careless');
  assert.deepEqual(rules(new AwsSolutionsChecks(all).validateScope(all)), ['AwsSolutions-SQS3', 'AwsSolutions-SQS4']);
});
