import {
  Aws,
  Duration,
  Stack,
  Token,
  TokenComparison,
  aws_dynamodb as dynamodb,
  aws_kms as kms,
  aws_lambda as lambda,
  aws_sns as sns,
  aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Watched } from './alarm-rules';
import { Alarms, alarms } from './alarms';
import { RedriveAttachmentProps } from './attachment-props';
import { bells } from './bells';
import { source } from './code';
import { dashboard } from './dashboard';
import { dataKey } from './encryption';
import { days as daysOf, range, seconds } from './functions-settings';
import { indexer } from './indexer';
import { onlyOne, tell } from './outputs';
import { PairSettings, isSingle, listed, pairSettings, single } from './pairs';
import { Common } from './parts';
import { PeoplesPolicies, outputsForPeople, policiesForPeople } from './people';
import { Problems } from './problems';
import { failedInvocations } from './queues';
import { allow } from './redrive-function';
import { replay, withdrawals, withdrawalsElsewhere } from './replay';
import { Policies } from './role-policies';
import { Schedules, schedules } from './schedules';
import { FunctionSettings, PagingSettings, fits, functionSettings, pagingSettings } from './settings';
import { lettersTable } from './tables';
import { tag } from './tags';

const READ = ['dynamodb:BatchGetItem'];

/**
 * The indexer that turns dead messages into letters, and the replay that sends them back, for queues that are there already,
 * whoever consumes them. It brings neither a queue nor a processor, and touches a pair only once it is given custody.
 *
 * Deleting it keeps the letters. Before: switch custody off, wait for the indexer's last run to end, and eject what waits.
 */
export class RedriveAttachment extends Construct {
  /** Invocations of the indexer and the replay that failed for good. */
  public readonly failedInvocations: sqs.Queue;
  /** Table of the letters. */
  public readonly letters: dynamodb.Table;
  /** Turns dead messages into letters. */
  public readonly indexer: lambda.Function;
  /** Sends letters back; takes direct invocations, too. */
  public readonly replay: lambda.Function;
  /** Erases, frees, ejects, and sends edited letters: invoked by administrators alone. */
  public readonly administration: lambda.Function;
  /** Policies for people, attached to nobody. */
  public readonly policies: PeoplesPolicies;
  /** The schedules that wake the indexer and the replay. */
  public readonly schedules: Schedules;
  /** Topic by which any alarm wakes the indexer. */
  public readonly doorbell: sns.Topic;
  /** Alarms for people; subscribe your own channel. */
  public readonly alerts: sns.Topic;
  /** Alarms that were made. */
  public readonly alarms: Alarms;
  /** Name in CloudWatch of the dashboard, which people look at. */
  public readonly dashboardName: string;
  /** The key of table, logs and failed invocations, if it is not AWS's own. */
  public readonly dataKey: kms.IKey | undefined;

  /** @throws RedriveConfigError lists everything that does not fit together. */
  public constructor(scope: Construct, id: string, props: RedriveAttachmentProps) {
    super(scope, id);
    const problems = new Problems();
    const settings: FunctionSettings & PagingSettings = {
      ...functionSettings(problems, props),
      ...pagingSettings(problems, props),
    };
    onlyOne(problems, this, settings.outputs);
    const pairs = pairSettings(problems, props.pairs, props.ledger !== undefined);
    if (props.ledger !== undefined && props.pairs.every(({ scope: part }) => part === null)) {
      problems.refuse(
        'ledger',
        'is given, and no pair has a scope in it',
        'none, or a scope for the pairs whose consumers keep it',
      );
    }
    const variables = this.variables(problems, props, settings, pairs);
    const sources = { indexer: source(problems, props.code, 'indexer'), replay: source(problems, props.code, 'replay') };
    const timeout = Duration.seconds(seconds(problems, 'indexerTimeout', props.indexerTimeout));
    problems.throwIfAny(this.node.path);

    // Also alarms of your own, for the dead-letter queues of a list.
    const both = bells(this, true);
    this.dataKey = dataKey(this, settings, 'Table, logs and failed invocations', {
      sid: 'TheDoorbellReports',
      services: ['sns.amazonaws.com'],
      sources: [both.doorbell.topicArn],
    });
    this.failedInvocations = failedInvocations(this, this.dataKey);
    this.letters = lettersTable(this, this.dataKey);
    this.doorbell = both.doorbell;
    this.alerts = both.alerts;
    const common: Common = { letters: this.letters, failures: this.failedInvocations, dataKey: this.dataKey, bells: both };
    const mainArns = props.pairs.map(({ source: queue }) => queue.queueArn);
    const deadArns = props.pairs.map(({ deadLetters }) => deadLetters.queueArn);
    this.indexer = indexer(this, common, {
      source: sources.indexer,
      settings,
      timeout,
      variables: variables.indexer,
      deadArns,
      reads: [],
      policies: policies(props, 'ReadReasons', 'ReadEncryptedMessages', ['kms:Decrypt'], {}),
    });
    const replays = replay(this, common, {
      source: sources.replay,
      settings,
      variables: variables.replay,
      mainArns,
      deadArns,
      otherArns: [...new Set(pairs.flatMap(({ destinations }) => destinations))],
      reads: [],
      readsAges: !isAlone(props),
      policies: policies(
        props,
        'ReadOutcomes',
        'WriteEncryptedMessages',
        ['kms:Decrypt', 'kms:GenerateDataKey'],
        this.edits(props),
      ),
    });
    this.replay = replays.replay;
    this.administration = replays.administration;
    this.policies = policiesForPeople(this, {
      letters: this.letters,
      ledger: undefined,
      indexer: this.indexer,
      replay: this.replay,
      administration: this.administration,
      configured: [this.indexer, this.replay],
      queueArns: [this.failedInvocations.queueArn],
      deadArn: undefined,
      dataKey: this.dataKey,
    });
    this.schedules = schedules(this, settings, this, this.failedInvocations, this.dataKey);
    const prefix =
      props.name ??
      `${Aws.STACK_NAME}-${this.node.path.slice(Stack.of(this).node.path.length + 1).replace(/[^A-Za-z0-9_-]+/g, '-')}`;
    this.dashboardName = `${prefix}-${Aws.REGION}`;
    this.alarms = this.watch(props, settings, pairs, both);
    tag(this);
  }

  private isElsewhere({ ledger, ledgerElsewhere }: RedriveAttachmentProps): boolean {
    const differ = (account: string): boolean =>
      Token.compareStrings(account, Stack.of(this).account) === TokenComparison.DIFFERENT;
    return ledger !== undefined && (ledgerElsewhere ?? differ(ledger.env.account));
  }

  /** A name where it may stand: PartiQL takes no ARN, and writes edits more narrowly than what does. */
  private ledgerName(props: RedriveAttachmentProps): string {
    const { ledger } = props;
    return ledger === undefined ? 'none' : this.isElsewhere(props) ? ledger.tableArn : ledger.tableName;
  }

  private edits(props: RedriveAttachmentProps): Policies {
    const { ledger } = props;
    if (ledger === undefined) {
      return {};
    }
    return this.isElsewhere(props)
      ? { 'edits-elsewhere': withdrawalsElsewhere(ledger.tableArn) }
      : { edits: withdrawals(ledger.tableArn) };
  }

  private variables(
    problems: Problems,
    props: RedriveAttachmentProps,
    settings: FunctionSettings,
    pairs: readonly PairSettings[],
  ): Record<'indexer' | 'replay', Record<string, string>> {
    const ledger = { LEDGER_TABLE_NAME: this.ledgerName(props) };
    const days = daysOf(
      problems,
      'ledgerRetention',
      props.ledgerRetention,
      'LEDGER_RETENTION_DAYS',
      range('ledgerRetention')[0],
    );
    const remembered = { ...ledger, LEDGER_RETENTION_DAYS: `${days}` };
    const [first] = pairs;
    if (props.pairsFile !== undefined) {
      problems.text('pairsFile', props.pairsFile, /^[A-Za-z0-9_./-]{1,255}$/, 'the path of a file');
      const file = { QUEUE_PAIRS_FILE: props.pairsFile };
      return { indexer: { ...file, ...ledger }, replay: { ...file, ...remembered } };
    }
    if (first !== undefined && isSingle(props.pairs)) {
      const told = single(first);
      const dead: Record<string, string> = settings.allowEject
        ? { DEAD_LETTER_QUEUE_URL: first.pair.deadLetters.queueUrl }
        : {};
      return {
        indexer: { ...told.common, ...told.indexer, ...ledger },
        replay: {
          ...told.common,
          MAIN_QUEUE_URL: first.pair.source.queueUrl,
          REPLAY_DESTINATIONS: first.destinations.join(','),
          ...dead,
          ...remembered,
        },
      };
    }
    const told = listed(pairs);
    fits(problems, { QUEUE_PAIRS: JSON.stringify(told), ...remembered }, '; a longer list goes into a file: pairsFile');
    const list = { QUEUE_PAIRS: Stack.of(this).toJsonString(told) };
    return { indexer: { ...list, ...ledger }, replay: { ...list, ...remembered } };
  }

  private watch(
    props: RedriveAttachmentProps,
    settings: PagingSettings & FunctionSettings,
    pairs: readonly PairSettings[],
    both: Common['bells'],
  ): Alarms {
    const [first] = pairs;
    // Of a list the sweep looks into all queues, and alarms of your own may ring the doorbell.
    const alone = isAlone(props) ? first : undefined;
    const dead = alone?.custody === true ? alone.pair.deadLetters.queueName : undefined;
    const watched: Watched = {
      processor: undefined,
      indexer: this.indexer,
      replay: this.replay,
      main: alone?.pair.source.queueName,
      dead,
      failures: this.failedInvocations.queueName,
      deadText: 'the first dead-letter queue',
    };
    const made = alarms(this, watched, settings, both, this.dashboardName);
    const shown = dashboard(this, {
      name: this.dashboardName,
      watched,
      alarms: made,
      oldestPendingSeconds: settings.oldestPendingSeconds,
      queues: {
        title: "Depth by queue (the first pair's)",
        main: first?.pair.source.queueName ?? '',
        dead: first?.pair.deadLetters.queueName ?? '',
      },
      single: false,
    });
    if (settings.outputs) {
      tell(this, {
        FailedInvocationsQueueUrl: [
          'Invocations of the indexer and the replay that failed for good.',
          this.failedInvocations.queueUrl,
        ],
        DeadLetterTableName: ['The letters.', this.letters.tableName],
        IndexerFunctionName: ['Turns dead messages into letters.', this.indexer.functionName],
        ...outputsForPeople(this.replay, this.administration, this.policies),
        DoorbellTopicArn: ['Topic by which any alarm wakes the indexer.', this.doorbell.topicArn],
        AlertsTopicArn: ['Alarms for people; subscribe your own channel.', this.alerts.topicArn],
        DashboardName: ['Dashboard in CloudWatch, for people.', shown.ref],
      });
    }
    return made;
  }
}

/** Returns true if there is one pair, given by variables and not by a file. */
function isAlone({ pairs, pairsFile }: RedriveAttachmentProps): boolean {
  return isSingle(pairs) && pairsFile === undefined;
}

/** Permissions of a function beside its own: to the consumers' ledger, and to the keys of their queues. */
function policies(
  props: RedriveAttachmentProps,
  reads: string,
  decrypts: string,
  actions: string[],
  edits: Policies,
): Policies {
  const { ledger, queueKeys = [] } = props;
  return {
    ...(ledger === undefined ? {} : { ledger: [allow(reads, READ, ledger.tableArn)] }),
    ...edits,
    ...(queueKeys.length === 0 ? {} : { 'queue-keys': [allow(decrypts, actions, ...queueKeys.map((key) => key.keyArn))] }),
  };
}
