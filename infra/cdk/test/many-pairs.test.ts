import assert from 'node:assert/strict';
import { it } from 'node:test';
import { aws_lambda as lambda } from 'aws-cdk-lib';
import { PairText, RedriveAttachmentStack, RedriveConfigError } from '../lib';
import { Template } from './evaluate';
import { app, stub, synthesised } from './stacks';

const code = stub();
const ARN = 'arn:aws:sqs:eu-central-1:111122223333';

/** An attachment to so many pairs, in everything that a role may be given. */
function attached(count: number, name = 'department-orders-service', elsewhere = false): Template {
  const url = `https://sqs.eu-central-1.amazonaws.com/${ARN.split(':')[4] ?? ''}`;
  const pairs = Array.from({ length: count }, (_, at): PairText => {
    const queue = `${name}-${String(at).padStart(4, '0')}`;
    return {
      source_arn: `${ARN}:${queue}`,
      source_url: `${url}/${queue}`,
      dead_letter_url: `${url}/${queue}-dlq`,
      scope: at === 0 ? 'orders' : null,
      ...(elsewhere ? { destinations: [`${ARN}:${queue}-2`] } : {}),
    };
  });
  const stack = new RedriveAttachmentStack(app(), 'attached', {
    pairs,
    ledgerTableArn: 'arn:aws:dynamodb:eu-central-1:111122223333:table/ledger',
    attachment: {
      code,
      pairsFile: '/opt/pairs.json',
      encryption: 'customer-managed',
      tracing: lambda.Tracing.ACTIVE,
      allowEject: true,
    },
  });
  return synthesised(stack);
}

interface Document {
  readonly Statement: readonly { readonly Sid: string; readonly Resource: unknown }[];
}

const resources = (template: Template, type: string): [string, Record<string, unknown>][] =>
  Object.entries(template.Resources)
    .filter(([, one]) => one.Type === type)
    .map(([name, one]) => [name, (one as { Properties: Record<string, unknown> }).Properties]);

/** Characters of a document; what only AWS knows has as many as a long ARN. */
const size = (document: Document): number =>
  JSON.stringify(document, (_, value: unknown) => {
    const [name, ...more] = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    return more.length === 0 && /^(Ref|Fn::.*)$/.test(name ?? '') ? 'x'.repeat(110) : value;
  }).length;

function roles(template: Template): { inline: Document[]; managed: Document[] }[] {
  const policies = new Map(resources(template, 'AWS::IAM::ManagedPolicy'));
  return resources(template, 'AWS::IAM::Role').map(([, role]) => ({
    inline: ((role['Policies'] ?? []) as { PolicyDocument: Document }[]).map((one) => one.PolicyDocument),
    managed: ((role['ManagedPolicyArns'] ?? []) as { Ref: string }[]).map(
      ({ Ref }) => policies.get(Ref)?.['PolicyDocument'] as Document,
    ),
  }));
}

void it('leaves the policies of forty-five pairs inline, as attach.yaml has them', () => {
  assert.deepEqual(
    roles(attached(45)).flatMap(({ managed }) => managed),
    [],
  );
});

void it('gives the roles of two hundred pairs managed policies, each within its quota, with every queue in them', () => {
  const template = attached(200);
  let queues = 0;
  for (const { inline, managed } of roles(template)) {
    assert(inline.reduce((sum, one) => sum + size(one), 0) <= 10_240);
    assert(managed.length <= 10 && managed.every((one) => size(one) <= 6_144), 'each is within its quota');
    for (const { Statement } of managed) {
      assert.equal(new Set(Statement.map(({ Sid }) => Sid)).size, Statement.length, 'a name stands once in a document');
      queues += Statement.flatMap(({ Resource }) => Resource).length;
    }
  }
  assert.equal(queues, 3 * 200 + 2, 'main queues, dead-letter queues twice, and two indexes of the table');
});

void it('refuses what ten managed policies cannot hold', () => {
  assert.throws(() => attached(200, 'x'.repeat(67), true), RedriveConfigError);
});
