import { CfnOutput, Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Problems } from './problems';

/** Outputs of a stack: description and value of each resource. */
export type Outputs = Readonly<Record<string, readonly [description: string, value: string]>>;

/** Refuses a second construct that would tell its names as the stack's outputs. */
export function onlyOne(problems: Problems, scope: Construct, wanted: boolean): void {
  const taken = Stack.of(scope)
    .node.findAll()
    .find((other) => other !== scope && TOLD.has(other));
  if (wanted && taken !== undefined) {
    problems.refuse(
      'outputs',
      `are those of ${taken.node.path} in this stack`,
      'false, or a stack of its own; redrive --stack looks at the outputs of one',
    );
  }
}

const TOLD = new WeakSet();

/** Tells them under the very names that `redrive --stack` and `redrive doctor` look for. */
export function tell(scope: Construct, outputs: Outputs): void {
  TOLD.add(scope);
  for (const [name, [description, value]] of Object.entries(outputs)) {
    new CfnOutput(scope, `${name}Output`, { description, value }).overrideLogicalId(name);
  }
}
