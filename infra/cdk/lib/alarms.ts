import { Aws, Duration, aws_cloudwatch as cloudwatch, aws_cloudwatch_actions as actions } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Page, Rule, Watched, alarmRules, depthRule, pendingByQuarter } from './alarm-rules';
import { Bells, takesAlarms } from './bells';
import { PagingSettings } from './settings';

const STACK = Aws.STACK_NAME;

function alarm(scope: Construct, rule: Rule): cloudwatch.Alarm {
  const { ComparisonOperator } = cloudwatch;
  const made = new cloudwatch.Alarm(scope, rule.id, {
    alarmDescription: rule.says,
    metric: rule.metric,
    evaluationPeriods: rule.periods,
    ...(rule.datapoints === undefined ? {} : { datapointsToAlarm: rule.datapoints }),
    threshold: rule.threshold,
    comparisonOperator:
      rule.below === true ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_THRESHOLD,
    treatMissingData: rule.missing ?? cloudwatch.TreatMissingData.NOT_BREACHING,
  });
  if (rule.warmUp !== undefined) {
    const told = made.node.defaultChild as cloudwatch.CfnAlarm;
    told.addPropertyOverride('WarmUpConfiguration', { WarmUpPeriodDurationInMinutes: rule.warmUp });
  }
  return made;
}

/** An hour in which every quarter ended with more letters than the one before. */
function growing(scope: Construct, watched: Watched): cloudwatch.Alarm {
  const pending = pendingByQuarter(watched);
  return new cloudwatch.Alarm(scope, 'GrowingAlarm', {
    alarmDescription:
      'The letters that wait have grown for an hour: whatever fails, fails still. See what came last: redrive causes --stack ' +
      `${STACK} --since 1h. Mend or stop its source before anything is replayed.`,
    metric: new cloudwatch.MathExpression({
      expression: 'DIFF(pending)',
      label: 'Letters more than a quarter of an hour ago',
      usingMetrics: { pending },
      period: Duration.minutes(15),
    }),
    evaluationPeriods: 4,
    threshold: 0,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
  });
}

/** The alarms, by id. */
export interface Alarms {
  /** Rings the doorbell; no person is told. None where nothing is taken, or nobody knows from where. */
  readonly depth: cloudwatch.Alarm | undefined;
  /** Alarms that are for people. */
  readonly people: ReadonlyMap<string, cloudwatch.Alarm>;
  /** Two over those for people. None with `paging: 'each'`. */
  readonly pages: Pages | undefined;
}

/** The composite alarms, which tell people. */
export interface Pages {
  /** Alarm for what may be lost, or is not seen any more. */
  readonly urgent: cloudwatch.IAlarm;
  /** Alarm for what waits for a person. */
  readonly work: cloudwatch.IAlarm;
}

/** Makes them; `dashboard` is named in the page. */
export function alarms(scope: Construct, watched: Watched, paging: PagingSettings, bells: Bells, dashboard: string): Alarms {
  let depth: cloudwatch.Alarm | undefined;
  if (watched.dead !== undefined) {
    depth = alarm(scope, depthRule(watched.dead, watched.deadText));
    depth.addAlarmAction(new actions.SnsAction(bells.doorbell));
    if (!bells.anyAlarm) {
      takesAlarms(bells.doorbell, 'ArnEquals', [depth.alarmArn]);
    }
  }
  const people = new Map<string, cloudwatch.Alarm>();
  const behind: Record<Page, cloudwatch.Alarm[]> = { urgent: [], work: [], itself: [] };
  for (const rule of alarmRules(watched, paging)) {
    const made = alarm(scope, rule);
    people.set(rule.id, made);
    behind[rule.page].push(made);
  }
  if (paging.composite) {
    const grows = growing(scope, watched);
    people.set('GrowingAlarm', grows);
    behind.work.push(grows);
  }
  const alone = paging.composite ? behind.itself : [...people.values()];
  alone.forEach((single) => {
    single.addAlarmAction(new actions.SnsAction(bells.alerts));
  });
  const told = paging.composite ? pages(scope, behind, bells, dashboard) : undefined;
  const acting = told === undefined ? alone : [told.urgent, told.work, ...alone];
  takesAlarms(
    bells.alerts,
    'ArnEquals',
    acting.map((single) => single.alarmArn),
  );
  return { depth, people, pages: told };
}

/** Makes one page for one incident: a page rings with the first of its alarms, and is silent again after the last. */
function pages(
  scope: Construct,
  behind: Readonly<Record<Page, readonly cloudwatch.Alarm[]>>,
  bells: Bells,
  dashboard: string,
): Pages {
  const shows = `The dashboard ${dashboard} shows which of its alarms ring, and each says what to do.`;
  const urgent =
    `Redrive of ${STACK} may lose messages, or does not see them any more. Start with: redrive doctor --stack ${STACK}. ` +
    shows;
  const work =
    `Redrive of ${STACK} has work for a person. Start with: redrive status --stack ${STACK}, then redrive causes ` +
    `--stack ${STACK}. ${shows}`;
  return {
    urgent: page(scope, 'Urgent', urgent, behind.urgent, bells),
    work: page(scope, 'Work', work, behind.work, bells),
  };
}

/** The CDK's own composite alarm would choose a name that does not begin with the stack's, and the topic would not take it. */
function page(
  scope: Construct,
  name: string,
  says: string,
  behind: readonly cloudwatch.Alarm[],
  bells: Bells,
): cloudwatch.IAlarm {
  const composite = new cloudwatch.CfnCompositeAlarm(scope, `${name}PageAlarm`, {
    alarmDescription: says,
    alarmRule: behind.map((single) => `ALARM("${single.alarmName}")`).join(' OR '),
    alarmActions: [bells.alerts.topicArn],
  });
  return cloudwatch.Alarm.fromAlarmArn(scope, `${name}Page`, composite.attrArn);
}
