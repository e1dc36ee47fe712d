import { aws_cloudwatch as cloudwatch, aws_lambda as lambda } from 'aws-cdk-lib';

/** Namespace of the functions' metrics. */
export const NAMESPACE = 'Redrive';

/**
 * Names of the metrics that the functions emit. `shared/redrive/src/meter.rs` says what each is, and a test holds these
 * names against it.
 */
export const METRICS = {
  processor: [
    'Received',
    'Completed',
    'Duplicates',
    'Retries',
    'Dead',
    'HandedOver',
    'WaitingForMove',
    'Busy',
    'NotStarted',
    'Unsettled',
    'LedgerOut',
    'Unreadable',
    'FaultsTransient',
    'FaultsPermanent',
    'FaultsTimeout',
    'FaultsSchema',
    'UnstableKeys',
    'VisibilityFailures',
    'PastTheirMove',
    'Crowded',
    'CrowdedKeys',
    'Attempts',
    'HandlerLatency',
    'LedgerLatency',
  ],
  indexer: [
    'EventsSent',
    'EventsLost',
    'DeadReceived',
    'LettersCreated',
    'LettersChanged',
    'LettersResolved',
    'LettersIndexed',
    'DeadDeleted',
    'DeleteFailures',
    'LeftLeaseLive',
    'LeftUnavailable',
    'LeftSkipped',
    'LeftUnlisted',
    'Unindexable',
    'SeenAgain',
    'FailedReceives',
    'NewFingerprints',
    'UnrecordedCauses',
    'TimeToExpiry',
  ],
  replay: [
    'EventsSent',
    'EventsLost',
    'LettersPending',
    'LettersForAPerson',
    'OldestPendingAge',
    'TimeToResolution',
    'ReplayConsidered',
    'ReplaySent',
    'ReplayTakenOver',
    'ReplayNotSent',
    'ReplayInDoubt',
    'LettersResolved',
    'LettersWithoutOutcome',
    'ReplayReturnedInDoubt',
    'LettersDiscarded',
    'LettersRestored',
    'LettersChangedMeanwhile',
    'LettersErased',
    'LettersWithoutSlot',
    'LettersTooLarge',
    'LettersWithoutBody',
    'LettersForgotten',
    'JobsOpen',
    'LettersUnavailable',
    'LettersEjected',
    'LettersInCustody',
    'LettersUnlisted',
    'CountsIncomplete',
    'MainQueueOldestAge',
    'MainQueuesUnread',
    'LettersFreed',
    'LettersTooManyEnqueues',
  ],
} as const;

/** A metric of the processor. */
export type ProcessorMetric = (typeof METRICS.processor)[number];
/** A metric of the indexer. */
export type IndexerMetric = (typeof METRICS.indexer)[number];
/** A metric of the replay. */
export type ReplayMetric = (typeof METRICS.replay)[number];

/**
 * Makes a metric of a function: of `queue` alone, by the pair's name (the main queue's, unless it is given another), or
 * of all.
 */
export function metricOf(
  fn: lambda.IFunction,
  metricName: string,
  queue?: string,
  options: cloudwatch.MetricOptions = {},
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: NAMESPACE,
    metricName,
    dimensionsMap: { Function: fn.functionName, ...(queue === undefined ? {} : { Queue: queue }) },
    ...options,
  });
}
