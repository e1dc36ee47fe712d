import { Tags } from 'aws-cdk-lib';
import { Construct } from 'constructs';

/** What has a price or holds data says whose it is; a mapping and a dashboard are neither. */
export function tag(scope: Construct): void {
  Tags.of(scope).add('service', 'redrive', {
    excludeResourceTypes: ['AWS::Lambda::EventSourceMapping', 'AWS::CloudWatch::Dashboard'],
  });
}
