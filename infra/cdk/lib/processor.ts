import { Stack, aws_lambda as lambda } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Source } from './code';
import { Parts } from './parts';
import { Problems } from './problems';
import { QueueSettings } from './queue-settings';
import { RedriveFunction, allow } from './redrive-function';
import { Policies } from './role-policies';
import { fits } from './settings';

/** Returns the environment of the processor. */
function variables(settings: QueueSettings, parts: Parts): Record<string, string> {
  const { reading } = settings;
  return {
    RUST_LOG: settings.logLevel,
    MAIN_QUEUE_URL: parts.pair.main.queueUrl,
    MAIN_QUEUE_ARN: parts.pair.main.queueArn,
    MAX_RECEIVE_COUNT: `${settings.maxReceiveCount}`,
    ON_DEAD: settings.direct ? 'direct' : 'redrive',
    ...(settings.direct ? { DEAD_LETTER_QUEUE_URL: parts.pair.dead.queueUrl } : {}),
    QUEUE_VISIBILITY_TIMEOUT_SECONDS: `${settings.visibilityTimeout.toSeconds()}`,
    FUNCTION_TIMEOUT_SECONDS: `${settings.processorTimeout.toSeconds()}`,
    HANDLER_TIMEOUT_SECONDS: `${settings.handlerSeconds}`,
    CONCURRENCY: `${settings.concurrency}`,
    OUTAGE_BRAKE: settings.outageBrake,
    RETRY_SCHEDULE: settings.schedule,
    LEDGER_TABLE_NAME: parts.ledger.tableName,
    LEDGER_SCOPE: settings.scope,
    LEDGER_RETENTION_DAYS: `${settings.ledgerDays}`,
    MAIN_RETENTION_DAYS: `${settings.mainDays}`,
    IDEMPOTENCY_KEY_POINTER: settings.keyPointer,
    IDEMPOTENCY_KEY_FROM: reading.keyFrom,
    DUPLICATE_NAMES: reading.duplicateNames,
    BODY_WRAPPING: reading.wrapping,
    PAYLOAD_HASH: reading.hash,
    ERROR_MASKS: reading.masks.join(','),
    MESSAGE_TYPE_AT: reading.typeAt,
    MESSAGE_TYPES: reading.types.join(','),
    POWERTOOLS_TABLE_NAME: settings.powertools?.tableName ?? '',
    POWERTOOLS_KEY_PREFIXES: settings.powertools?.keyPrefixes.join(',') ?? '',
    POWERTOOLS_KEY: [settings.powertools?.key ?? ''].flat().join(','),
  };
}

/** ARN of a table of this account and region, by its name. */
function tableArn({ ledger }: Parts, name: string): string {
  return Stack.of(ledger).formatArn({ service: 'dynamodb', resource: 'table', resourceName: name });
}

/** The role: it can't read dead letters, and sends to the dead-letter queue only where it is to. */
function policies(settings: QueueSettings, parts: Parts): Policies {
  const { main, dead } = parts.pair;
  return {
    processor: [
      allow(
        'ReceiveAndDelay',
        ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ChangeMessageVisibility'],
        main.queueArn,
      ),
      allow(
        'ClaimAndSettle',
        ['dynamodb:PutItem', 'dynamodb:BatchGetItem', 'dynamodb:PartiQLInsert', 'dynamodb:PartiQLUpdate'],
        parts.ledger.tableArn,
      ),
    ],
    ...(settings.powertools === undefined
      ? {}
      : { powertools: [allow('ReadPowertools', ['dynamodb:BatchGetItem'], tableArn(parts, settings.powertools.tableName))] }),
    ...(settings.direct ? { 'dead-letters': [allow('HandOverTheDead', ['sqs:SendMessage'], dead.queueArn)] } : {}),
  };
}

/** The function, and what gives it messages. */
export interface Processor {
  readonly made: lambda.Function;
  readonly mapping: lambda.EventSourceMapping;
}

/** Handles the messages of the main queue, once each. */
export function processor(
  scope: Construct,
  settings: QueueSettings,
  parts: Parts,
  source: Source,
  environment: Readonly<Record<string, string>>,
  problems: Problems,
): Processor {
  const own = variables(settings, parts);
  for (const name of Object.keys(environment).filter((name) => name in own || name === 'DEAD_LETTER_QUEUE_URL')) {
    problems.refuse(
      `environment.${name}`,
      'is a variable of Redrive',
      'another name; Redrive reads its own from the other properties',
    );
  }
  fits(problems, { ...own, ...environment }, '');
  const { function: made } = new RedriveFunction(scope, 'Processor', {
    description: 'Handles the messages of the main queue, once each.',
    source,
    settings,
    timeout: settings.processorTimeout,
    environment: { ...own, ...environment },
    policies: policies(settings, parts),
    dataKey: parts.dataKey,
    failures: undefined,
  });
  const mapping = new lambda.EventSourceMapping(made, 'Messages', {
    target: made,
    eventSourceArn: parts.pair.main.queueArn,
    batchSize: settings.batchSize,
    ...(settings.fifo ? {} : { maxBatchingWindow: settings.batchingWindow }),
    reportBatchItemFailures: true,
    ...(settings.pollers === undefined ? { maxConcurrency: settings.maximumConcurrency } : {}),
  });
  if (settings.pollers !== undefined) {
    // Said here and not above, where the CDK knows an older limit.
    (mapping.node.defaultChild as lambda.CfnEventSourceMapping).provisionedPollerConfig = {
      minimumPollers: settings.pollers.minimum,
      maximumPollers: settings.pollers.maximum,
    };
  }
  return { made, mapping };
}
