import { Tags } from 'aws-cdk-lib';
import { Construct } from 'constructs';

/** Tags each resource that has a price or holds data with its owner; a mapping and a dashboard are neither. */
export function tag(scope: Construct): void {
  Tags.of(scope).add('service', 'redrive', {
    excludeResourceTypes: ['AWS::Lambda::EventSourceMapping', 'AWS::CloudWatch::Dashboard'],
  });
}
