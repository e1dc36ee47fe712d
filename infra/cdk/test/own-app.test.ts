import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { it } from 'node:test';
import { Stack } from 'aws-cdk-lib';
import { ownApp } from '../examples/own-app';
import { METRICS } from '../lib';
import { ofCdk } from './shape';
import { PACKAGE, app, stub, synthesised } from './stacks';

void it('stands in an app of somebody else, with permissions and a channel of theirs', () => {
  const orders = ownApp(app(), stub());
  const stack = Stack.of(orders);
  const text = JSON.stringify([...ofCdk(synthesised(stack))]);
  assert.match(text, /"PolicyName":"OrdersProcessorRoleDefaultPolicy[0-9A-F]+".*dynamodb:PutItem/);
  assert.match(text, /"Protocol":"email"/);
  assert.match(text, /"QueueName":"\{\{AWS::StackName\}\}-Orders-main"/);
  assert.deepEqual(
    stack.resolve(
      orders
        .metric('LettersPending')
        .toMetricConfig()
        .metricStat?.dimensions?.map(({ name }) => name),
    ),
    ['Function', 'Queue'],
  );
});

void it('names the metrics that the functions emit, and no others', () => {
  const { emitted } = JSON.parse(readFileSync(path.join(PACKAGE, '../metrics.json'), 'utf8')) as {
    readonly emitted: readonly { readonly function: string; readonly metrics: Readonly<Record<string, string>> }[];
  };
  for (const [name, ours] of Object.entries(METRICS)) {
    const theirs = emitted.filter((entry) => entry.function === name).flatMap((entry) => Object.keys(entry.metrics));
    assert.deepEqual([...ours].sort(), [...new Set(theirs)].sort(), name);
  }
});
