import { Difference } from './shape';

/** A difference between the two forms that is meant, where it is, and why. Whatever is not listed here fails the test. */
export interface Meant {
  readonly why: string;
  readonly where: RegExp;
  /** Returns true if the two values are those that are meant. */
  readonly fits: (sam: unknown, cdk: unknown) => boolean;
}

interface Tag {
  readonly Key: string;
}
const text = (value: unknown): string => JSON.stringify(value);

/** The list. A test fails if one of it is never met. */
export const MEANT: readonly Meant[] = [
  {
    why: 'each form uploads the code in its own way',
    where: /^(Processor|Indexer|Replay|Administration)Function\/Properties\/Code\//,
    fits: () => true,
  },
  {
    why: "SAM's transform says of every function that it made it",
    where: /^(Processor|Indexer|Replay|Administration)Function\/Properties\/Tags$/,
    fits: (sam, cdk) => text((sam as Tag[]).filter((tag) => tag.Key !== 'lambda:createdBy')) === text(cdk),
  },
  {
    why: 'the CDK numbers the expressions of an alarm by itself; the id is seen by nobody',
    where: /^GrowingAlarm\/Properties\/Metrics\/0\/Id$/,
    fits: (sam, cdk) => sam === 'growth' && cdk === 'expr_1',
  },
  {
    why: "the CDK says what is IAM's default path",
    where: /^(Reader|Operator|Administrator)Policy\/Properties\/Path$/,
    fits: (sam, cdk) => sam === undefined && cdk === '/',
  },
  {
    why: "the CDK says what is CloudWatch's default for the one that is not told otherwise",
    where: /^GrowingAlarm\/Properties\/Metrics\/0\/ReturnData$/,
    fits: (sam, cdk) => sam === undefined && cdk === 'true',
  },
  {
    why: "attach.yaml's dashboard cannot show an alarm that is there only in custody; the CDK knows whether it is",
    where: /^Dashboard\/Properties\/DashboardBody\/widgets\/1\/properties\/alarms$/,
    fits: (sam, cdk) => text(sam) === text((cdk as string[]).filter((alarm) => alarm !== '{{DeadLetterAgeAlarm.Arn}}')),
  },
];

/** Returns the differences that are not meant. `met` collects what was. */
export function unmeant(found: readonly Difference[], met = new Set<Meant>()): Difference[] {
  return found.filter(({ place, sam, cdk }) => {
    const meant = MEANT.find(({ where, fits }) => where.test(place) && fits(sam, cdk));
    if (meant !== undefined) {
      met.add(meant);
    }
    return meant === undefined;
  });
}
