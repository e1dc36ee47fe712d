import { AttachedPair } from './attachment-props';
import { days } from './functions-settings';
import { Problems } from './problems';
import { Policy, Reading, destinations, keyPointer, ledgerScope, policy, reading, retention } from './settings';

/** Limit of pairs that the functions take. */
const MOST = 200;

/** Settings of a pair, as they were read. */
export interface PairSettings {
  readonly pair: AttachedPair;
  readonly keyPointer: string;
  readonly reading: Reading;
  readonly policy: Policy;
  readonly custody: boolean;
  readonly destinations: readonly string[];
  readonly mainDays: number;
  readonly deadDays: number;
  readonly resolvedDays: number;
  readonly bodyDays: number | undefined;
}

/** Reads the settings of the pairs. */
export function pairSettings(problems: Problems, pairs: readonly AttachedPair[], ledger: boolean): PairSettings[] {
  if (pairs.length < 1 || pairs.length > MOST) {
    problems.refuse('pairs', `has ${pairs.length}`, `1 to ${MOST}`);
  }
  different(problems, pairs);
  return pairs.map((pair, at) => {
    const own = new Prefixed(problems, `pairs[${at}].`);
    if (pair.scope !== null) {
      ledgerScope(own, 'scope', pair.scope);
      if (!ledger) {
        own.refuse('scope', `is ${JSON.stringify(pair.scope)}, and there is no ledger`, 'null, or a ledger');
      }
    }
    if (pair.source.fifo !== pair.deadLetters.fifo) {
      own.refuse(
        'deadLetters',
        `is ${pair.deadLetters.fifo ? 'a' : 'no'} FIFO queue, and source is ${pair.source.fifo ? 'one' : 'none'}`,
        "a queue of source's kind",
      );
    }
    if (pair.name !== undefined) {
      own.text('name', pair.name, /^[A-Za-z0-9_-]{1,75}(\.fifo)?$/, '1 to 80 letters, digits, dashes and underscores');
    }
    const mainDays = days(own, 'mainRetention', pair.mainRetention, 'MAIN_RETENTION_DAYS');
    const deadDays = days(own, 'deadLetterRetention', pair.deadLetterRetention, 'DLQ_RETENTION_DAYS');
    const { resolved, body } = retention(own, pair, mainDays + deadDays);
    const pointer = keyPointer(own, 'idempotencyKey', pair.idempotencyKey ?? 'message-id');
    return {
      pair,
      keyPointer: pointer,
      reading: reading(own, pair, pair.scope ?? undefined, pointer),
      policy: policy(own, pair),
      custody: pair.custody ?? false,
      destinations: destinations(own, pair.destinationArns ?? [], pair.source.fifo),
      mainDays,
      deadDays,
      resolvedDays: resolved,
      bodyDays: body,
    };
  });
}

/**
 * Refuses pairs that share what they must not. With one scope the completion of one queue's message would swallow
 * another's; with one dead-letter queue it would not be known of which main queue a message is; with one main queue a
 * letter would have two policies.
 */
function different(problems: Problems, pairs: readonly AttachedPair[]): void {
  const once = (property: string, values: readonly (string | null | undefined)[]): void => {
    values.forEach((value, at) => {
      const first = values.indexOf(value);
      if (value !== null && value !== undefined && first !== at) {
        problems.refuse(`pairs[${at}].${property}`, `is that of pairs[${first}], too`, 'another one');
      }
    });
  };
  once(
    'source',
    pairs.map(({ source }) => source.queueArn),
  );
  once(
    'deadLetters',
    pairs.map(({ deadLetters }) => deadLetters.queueArn),
  );
  once(
    'scope',
    pairs.map(({ scope }) => scope),
  );
  once(
    'name',
    pairs.map(({ name, source }) => name ?? source.queueName),
  );
  const sources = pairs.map(({ source }) => source.queueArn);
  pairs.forEach(({ deadLetters }, at) => {
    if (sources.includes(deadLetters.queueArn)) {
      problems.refuse(`pairs[${at}].deadLetters`, 'is the main queue of a pair', 'a queue that nobody else consumes');
    }
  });
}

/** Returns true if the variables of a single pair can say all of it; if not, it is told as a list of one. */
export function isSingle(pairs: readonly AttachedPair[]): boolean {
  const [pair, ...more] = pairs;
  return pair !== undefined && more.length === 0 && pair.name === undefined && (pair.sends ?? true);
}

/** Returns the variables of a single pair; what is not set is left to the functions' defaults. */
export function single(settings: PairSettings): {
  readonly common: Record<string, string>;
  readonly indexer: Record<string, string>;
} {
  const { pair, reading: read, policy: rules } = settings;
  const said = (name: string, given: unknown, value: string): Record<string, string> =>
    given === undefined ? {} : { [name]: value };
  return {
    common: {
      MAIN_QUEUE_ARN: pair.source.queueArn,
      CUSTODY: settings.custody ? 'on' : 'off',
      ...(pair.scope === null ? {} : { LEDGER_SCOPE: pair.scope }),
      IDEMPOTENCY_KEY_POINTER: settings.keyPointer,
      IDEMPOTENCY_KEY_FROM: read.keyFrom,
      DUPLICATE_NAMES: read.duplicateNames,
      BODY_WRAPPING: read.wrapping,
      REPLAY_COOL_DOWN_SECONDS: `${rules.coolDownSeconds}`,
      REPLAY_MAX_DEATHS: `${rules.maxDeaths}`,
      REPLAY_POLICY: rules.rules.length === 0 ? '' : JSON.stringify(rules.rules),
      MAIN_RETENTION_DAYS: `${settings.mainDays}`,
      ...said('PAYLOAD_HASH', pair.payloadHash, read.hash),
      ...said('MESSAGE_TYPE_AT', pair.messageTypes, read.typeAt),
      ...said('MESSAGE_TYPES', pair.messageTypes, read.types.join(',')),
      ...said('RESOLVED_RETENTION_DAYS', pair.resolvedRetention, `${settings.resolvedDays}`),
      ...said('BODY_RETENTION_DAYS', pair.bodyRetention, `${settings.bodyDays}`),
    },
    indexer: {
      DEAD_LETTER_QUEUE_URL: pair.deadLetters.queueUrl,
      ...said('ERROR_MASKS', pair.errorMasks, read.masks.join(',')),
      ...said('DLQ_RETENTION_DAYS', pair.deadLetterRetention, `${settings.deadDays}`),
    },
  };
}

function policyText({ replayCoolDown, replayMaxDeaths, replayRules }: AttachedPair, read: Policy): object | undefined {
  if (replayCoolDown === undefined && replayMaxDeaths === undefined && replayRules === undefined) {
    return undefined;
  }
  return {
    cool_down_seconds: replayCoolDown === undefined ? undefined : read.coolDownSeconds,
    max_deaths: replayMaxDeaths,
    rules: replayRules === undefined ? undefined : read.rules,
  };
}

/** Several pairs as the JSON that `infra/pairs.example.json` shows; what is not said is left to the functions' defaults. */
export function listed(all: readonly PairSettings[]): object {
  const given = (value: unknown, told: unknown): unknown => (value === undefined ? undefined : told);
  const pairs = all.map(({ pair, ...settings }) => ({
    name: pair.name,
    source_arn: pair.source.queueArn,
    source_url: pair.source.queueUrl,
    dead_letter_url: pair.deadLetters.queueUrl,
    scope: pair.scope,
    key_pointer: settings.keyPointer === '' ? undefined : settings.keyPointer,
    key_from: pair.idempotencyKeyFrom,
    duplicate_names: pair.duplicateNames,
    body_wrapping: pair.bodyWrapping,
    payload_hash: given(pair.payloadHash, settings.reading.hash),
    error_masks: pair.errorMasks,
    message_type_at: pair.messageTypes?.at,
    message_types: pair.messageTypes?.names,
    main_retention_days: given(pair.mainRetention, settings.mainDays),
    dead_letter_retention_days: given(pair.deadLetterRetention, settings.deadDays),
    resolved_retention_days: given(pair.resolvedRetention, settings.resolvedDays),
    body_retention_days: settings.bodyDays,
    policy: policyText(pair, settings.policy),
    destinations:
      pair.sends === false || settings.destinations.length > 0
        ? [...(pair.sends === false ? [] : [pair.source.queueArn]), ...settings.destinations]
        : undefined,
    custody: pair.custody,
  }));
  return JSON.parse(JSON.stringify({ pairs })) as object;
}

/** Problems of a part: its properties are named with what stands before them. */
class Prefixed extends Problems {
  public constructor(
    private readonly all: Problems,
    private readonly before: string,
  ) {
    super();
  }

  public override refuse(property: string, wrong: string, allowed: string): void {
    this.all.refuse(`${this.before}${property}`, wrong, allowed);
  }
}
