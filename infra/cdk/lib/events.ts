import { aws_iam as iam } from 'aws-cdk-lib';
import { Policies } from './role-policies';
import { FunctionSettings } from './settings';

/** Variable that names the bus, if there is one. */
export function busVariable({ eventBusArn }: FunctionSettings): Readonly<Record<string, string>> {
  return eventBusArn === undefined ? {} : { EVENT_BUS_ARN: eventBusArn };
}

/** Permission to put Redrive's own events on the bus, and no others. */
export function busPolicies({ eventBusArn }: FunctionSettings): Policies {
  if (eventBusArn === undefined) {
    return {};
  }
  const put = new iam.PolicyStatement({
    sid: 'NotifyOthers',
    actions: ['events:PutEvents'],
    resources: [eventBusArn],
    conditions: { StringEquals: { 'events:source': 'redrive' } },
  });
  return { events: [put] };
}
