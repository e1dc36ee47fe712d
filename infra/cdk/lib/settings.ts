import { Duration, Token, aws_kms as kms, aws_lambda as lambda, aws_logs as logs } from 'aws-cdk-lib';
import { LIMITS, count, days, range, seconds, words } from './functions-settings';
import { Problems } from './problems';
import { FunctionsProps, MessageProps, PagingProps, PolicyProps, ReplayRule } from './props';

const SCOPE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const POINTER = /^\/[^,]{1,255}$/;
const EVENT_BUS = /^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus\/[A-Za-z0-9_./-]{1,256}$/;
const POINTERS = 20;
const RULES = 100;
const RULE_TEXT = 2_048;

/** Retentions in days that CloudWatch Logs takes, endless retention apart. */
const LOG_DAYS = words('logRetention').map(Number);

/** Settings of indexer and replay wherever they run, complete. */
export interface FunctionSettings {
  readonly architecture: lambda.Architecture;
  readonly logLevel: string;
  readonly logRetention: logs.RetentionDays;
  readonly tracing: lambda.Tracing;
  readonly layerArns: readonly string[];
  /** Bus for integration events; `undefined`: nobody is notified. */
  readonly eventBusArn: string | undefined;
  readonly encryption: 'aws-owned' | 'customer-managed' | kms.IKey;
  readonly sweepRate: string;
  readonly replayTimeout: Duration;
  readonly replayRate: string;
  readonly allowEject: boolean;
  readonly outputs: boolean;
}

/** Reads the settings of the functions. */
export function functionSettings(problems: Problems, props: FunctionsProps): FunctionSettings {
  const logRetention = props.logRetention ?? logs.RetentionDays.ONE_MONTH;
  if (!LOG_DAYS.includes(logRetention)) {
    problems.refuse(
      'logRetention',
      `is ${logRetention}`,
      `a number of days that CloudWatch Logs knows: ${LOG_DAYS.join(', ')}`,
    );
  }
  const tracing = props.tracing ?? lambda.Tracing.PASS_THROUGH;
  if (tracing === lambda.Tracing.DISABLED) {
    problems.refuse('tracing', 'is DISABLED, which Lambda does not know', 'PASS_THROUGH or ACTIVE');
  }
  const layerArns = props.layerArns ?? [];
  if (layerArns.length > 5) {
    problems.refuse('layerArns', `has ${layerArns.length} layers`, "5, Lambda's limit for a function");
  }
  const bus = props.eventBusArn;
  if (bus !== undefined && !Token.isUnresolved(bus) && !EVENT_BUS.test(bus)) {
    problems.refuse('eventBusArn', `is ${JSON.stringify(bus)}`, 'the ARN of an event bus: arn:aws:events:REGION:ACCOUNT:event-bus/NAME');
  }
  const replayTimeout = Duration.seconds(seconds(problems, 'replayTimeout', props.replayTimeout));
  return {
    architecture: props.architecture ?? lambda.Architecture.X86_64,
    logLevel: props.logLevel ?? 'info',
    logRetention,
    tracing,
    layerArns,
    eventBusArn: props.eventBusArn,
    encryption: props.encryption ?? 'aws-owned',
    sweepRate: rate(problems, 'sweepRate', props.sweepRate),
    replayTimeout,
    replayRate: rate(problems, 'replayRate', props.replayRate),
    allowEject: props.allowEject ?? false,
    outputs: props.outputs ?? true,
  };
}

/** Other queues that letters may be sent to. What comes from a standard queue has no group, and a FIFO queue wants one. */
export function destinations(problems: Problems, arns: readonly string[], fifo: boolean): readonly string[] {
  arns.forEach((arn, at) => {
    const place = `destinationArns[${at}]`;
    if (Token.isUnresolved(arn)) {
      return;
    }
    problems.text(
      place,
      arn,
      /^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?$/,
      'the ARN of an SQS queue',
    );
    if (arn.endsWith('.fifo') && !fifo) {
      problems.refuse(place, 'is a FIFO queue, and the main queue is none', 'a standard queue');
    }
    if (arns.indexOf(arn) !== at) {
      problems.refuse(place, 'is there already', 'each queue once');
    }
  });
  return arns;
}

/** Settings of the alarms that tell people, complete. */
export interface PagingSettings {
  readonly composite: boolean;
  readonly mainQueueAgeSeconds: number;
  readonly forAPersonLimit: number;
  readonly pendingLimit: number;
  readonly oldestPendingSeconds: number;
}

/** Reads the settings of the alarms. */
export function pagingSettings(problems: Problems, props: PagingProps): PagingSettings {
  return {
    composite: (props.paging ?? 'composite') === 'composite',
    mainQueueAgeSeconds: seconds(problems, 'mainQueueAgeLimit', props.mainQueueAgeLimit),
    forAPersonLimit: count(problems, 'forAPersonLimit', props.forAPersonLimit),
    pendingLimit: count(problems, 'pendingLimit', props.pendingLimit),
    oldestPendingSeconds: seconds(problems, 'oldestPendingLimit', props.oldestPendingLimit),
  };
}

/** Configuration of reading messages, as the functions are told it. */
export interface Reading {
  readonly wrapping: string;
  readonly keyFrom: string;
  readonly duplicateNames: string;
  readonly hash: string;
  readonly masks: readonly string[];
  readonly typeAt: string;
  readonly types: readonly string[];
}

/** Reads it. `scope` is the ledger's, if there is one: each type has its own part of it. */
export function reading(problems: Problems, props: MessageProps, scope: string | undefined, keyPointer: string): Reading {
  const wrapping = props.bodyWrapping ?? 'none';
  const hash = props.payloadHash ?? 'canonical';
  if (typeof hash !== 'string') {
    pointers(problems, 'payloadHash', hash);
    if (hash.length === 0) {
      problems.refuse('payloadHash', 'names no pointer', "'canonical', 'off', or at least one JSON pointer");
    }
  }
  const masks = props.errorMasks ?? [];
  pointers(problems, 'errorMasks', masks);
  if (props.idempotencyKeyFrom === 'pointer' && keyPointer === '') {
    problems.refuse(
      'idempotencyKeyFrom',
      "is 'pointer', and the key is the message's id",
      "a JSON pointer as idempotencyKey with it, or 'both'",
    );
  }
  const types = props.messageTypes;
  if (types !== undefined) {
    messageTypes(problems, types.at, types.names, wrapping, scope);
  }
  return {
    wrapping,
    keyFrom: props.idempotencyKeyFrom ?? 'both',
    duplicateNames: props.duplicateNames ?? 'refuse',
    hash: typeof hash === 'string' ? hash : hash.join(','),
    masks,
    typeAt: types?.at ?? '',
    types: types?.names ?? [],
  };
}

/** A namespace of the ledger. */
export function ledgerScope(problems: Problems, property: string, scope: string): string {
  return problems.text(property, scope, SCOPE, '1 to 64 letters, digits, dots, dashes and underscores');
}

/** Reads the place of the idempotency key; empty for the message's id. */
export function keyPointer(problems: Problems, property: string, key: string): string {
  if (key === 'message-id') {
    return '';
  }
  return problems.text(property, key, /^\/.{1,255}$/, "a JSON pointer such as /order_id, or 'message-id'");
}

function messageTypes(
  problems: Problems,
  at: string,
  names: readonly string[],
  wrapping: string,
  scope: string | undefined,
): void {
  if (!/^(attribute:.{1,256}|pointer:\/.{1,255}|detail-type)$/.test(at)) {
    problems.refuse('messageTypes.at', `is ${JSON.stringify(at)}`, 'attribute:NAME, pointer:/PATH or detail-type');
  }
  if (at === 'detail-type' && wrapping !== 'eventbridge') {
    problems.refuse(
      'messageTypes.at',
      'is detail-type, and the messages do not come through EventBridge',
      "bodyWrapping 'eventbridge' with it",
    );
  }
  if (names.length === 0 || names.length > 64 || new Set(names).size !== names.length) {
    problems.refuse('messageTypes.names', 'is empty, has more than 64 names, or one twice', '1 to 64 different names');
  }
  for (const name of names) {
    if (!/^[^,]{1,256}$/.test(name) || name !== name.trim()) {
      problems.refuse(
        'messageTypes.names',
        `has ${JSON.stringify(name)}`,
        'names without a comma and without spaces around them',
      );
    } else if (!SCOPE.test(`${scope ?? 'none'}.${name.replace(/[^A-Za-z0-9._-]/g, '-')}`)) {
      problems.refuse(
        'messageTypes.names',
        `has ${JSON.stringify(name)}, whose scope in the ledger would be too long`,
        'scope and name of at most 63 characters together',
      );
    }
  }
}

function pointers(problems: Problems, property: string, list: readonly string[]): void {
  if (list.length > POINTERS) {
    problems.refuse(property, `has ${list.length} pointers`, `at most ${POINTERS}`);
  }
  for (const pointer of list) {
    problems.text(property, pointer, POINTER, 'JSON pointers without a comma, such as /customer/email');
  }
}

/** Policy for replays, as the functions are told it. */
export interface Policy {
  readonly coolDownSeconds: number;
  readonly maxDeaths: number;
  /** The rules as the functions read them, or none. */
  readonly rules: readonly object[];
}

/** Reads the policy for replays. */
export function policy(problems: Problems, props: PolicyProps): Policy {
  const rules = (props.replayRules ?? []).map((rule, at) => ruleText(problems, `replayRules[${at}]`, rule));
  if (rules.length > RULES) {
    problems.refuse('replayRules', `has ${rules.length} rules`, `at most ${RULES}`);
  }
  if (JSON.stringify(rules).length > RULE_TEXT) {
    problems.refuse('replayRules', 'is too long for a variable of the functions', `at most ${RULE_TEXT} characters of JSON`);
  }
  return {
    coolDownSeconds: seconds(problems, 'replayCoolDown', props.replayCoolDown),
    maxDeaths: count(problems, 'replayMaxDeaths', props.replayMaxDeaths),
    rules,
  };
}

function ruleText(problems: Problems, place: string, rule: ReplayRule): object {
  const { errorType, errorCode, fingerprint } = rule.match;
  for (const [name, glob] of [
    ['errorCode', errorCode],
    ['fingerprint', fingerprint],
  ] as const) {
    if (glob !== undefined && !/^([^*]+\*?|\*)$/.test(glob)) {
      problems.refuse(`${place}.match.${name}`, `is ${JSON.stringify(glob)}`, 'a text, or its beginning and a * at the end');
    }
  }
  const match = { error_type: errorType, error_code: errorCode, fingerprint };
  if (rule.replay !== 'auto') {
    return { match, replay: rule.replay };
  }
  const coolDown =
    rule.coolDown === undefined ? undefined : problems.seconds(`${place}.coolDown`, rule.coolDown, [1, 2_592_000]);
  const deaths =
    rule.maxDeaths === undefined ? undefined : problems.number(`${place}.maxDeaths`, rule.maxDeaths, range('replayMaxDeaths'));
  return { match, replay: rule.replay, cool_down_seconds: coolDown, max_deaths: deaths };
}

/** Reads the retention of ended letters and their bodies, in days. */
export function retention(
  problems: Problems,
  props: { readonly resolvedRetention?: Duration; readonly bodyRetention?: Duration },
  queueDays: number,
): { readonly resolved: number; readonly body: number | undefined } {
  const least = queueDays + LIMITS.retention_margin_days;
  const resolved = days(problems, 'resolvedRetention', props.resolvedRetention, 'RESOLVED_RETENTION_DAYS', least);
  const body =
    props.bodyRetention === undefined ? undefined : problems.days('bodyRetention', props.bodyRetention, [1, resolved]);
  return { resolved, body };
}

function rate(problems: Problems, property: string, every: Duration = Duration.minutes(1)): string {
  const minutes = problems.minutes(property, every, [1, 60]);
  return minutes === 1 ? 'rate(1 minute)' : `rate(${minutes} minutes)`;
}

/** A text that is known only when the stack is deployed, inside another. */
const TOKEN = /\$\{Token\[[^\]]*\]\}/g;

/** Lambda takes no more than 4 KB of variables; what is known only when the stack is deployed is not counted. */
export function fits(problems: Problems, variables: Readonly<Record<string, string>>, advice: string): void {
  const size = (value: string): number => Buffer.byteLength(value.replace(TOKEN, ''));
  const all = Object.entries(variables).reduce((sum, [name, value]) => sum + name.length + size(value), 0);
  if (all > 4_096) {
    const allowed = `4,096, Lambda's limit for all variables of a function together${advice}`;
    problems.refuse('environment', `has ${all} bytes`, allowed);
  }
}
