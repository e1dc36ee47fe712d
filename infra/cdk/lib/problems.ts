import { Duration, Token } from 'aws-cdk-lib';

/** Problem of one property. */
export interface Problem {
  /** The property, as it is written. */
  readonly property: string;
  /** Description of the mistake. */
  readonly wrong: string;
  /** Description of what is allowed. */
  readonly allowed: string;
}

/** Problems of a construct's properties. They are told at once, as the functions do when they start. */
export class RedriveConfigError extends Error {
  /**
   * @param where The construct's path.
   * @param problems At least one.
   */
  public constructor(
    public readonly where: string,
    public readonly problems: readonly Problem[],
  ) {
    const lines = problems.map(({ property, wrong, allowed }) => `\n  ${property} ${wrong}; allowed: ${allowed}`);
    super(`${where}: configuration is refused${lines.join('')}`);
    this.name = 'RedriveConfigError';
  }
}

/** A range of whole numbers, both ends included. */
export type Range = readonly [least: number, most: number];

const whole = (value: number, [least, most]: Range): boolean => Number.isInteger(value) && value >= least && value <= most;

/** Collects what is wrong. What is known only when the stack is deployed (a token) is let through. */
export class Problems {
  private readonly found: Problem[] = [];

  /** Notes a problem of a property. */
  public refuse(property: string, wrong: string, allowed: string): void {
    this.found.push({ property, wrong, allowed });
  }

  /** Reads a whole number within a range. */
  public number(property: string, value: number, range: Range): number {
    if (!Token.isUnresolved(value) && !whole(value, range)) {
      this.refuse(property, `is ${value}`, `a whole number from ${range[0]} to ${range[1]}`);
    }
    return value;
  }

  /** A time in whole seconds. */
  public seconds(property: string, value: Duration, range: Range): number {
    return this.time(property, value, range, 's', (time) => time.toSeconds({ integral: false }));
  }

  /** A time in whole minutes. */
  public minutes(property: string, value: Duration, range: Range): number {
    return this.time(property, value, range, 'minutes', (time) => time.toMinutes({ integral: false }));
  }

  /** A time in whole days. */
  public days(property: string, value: Duration, range: Range): number {
    return this.time(property, value, range, 'days', (time) => time.toDays({ integral: false }));
  }

  /** A text of a shape. */
  public text(property: string, value: string, shape: RegExp, allowed: string): string {
    if (!Token.isUnresolved(value) && !shape.test(value)) {
      this.refuse(property, `is ${JSON.stringify(value)}`, allowed);
    }
    return value;
  }

  /** Throws what was found, if anything was. */
  public throwIfAny(where: string): void {
    if (this.found.length > 0) {
      throw new RedriveConfigError(where, this.found);
    }
  }

  private time(property: string, value: Duration, range: Range, unit: string, read: (time: Duration) => number): number {
    if (value.isUnresolved()) {
      this.refuse(property, 'is known only when the stack is deployed', 'a time that is known here');
      return range[0];
    }
    const count = read(value);
    if (!whole(count, range)) {
      this.refuse(property, `is ${value.toHumanString()}`, `a whole number of ${unit} from ${range[0]} to ${range[1]}`);
    }
    return count;
  }
}
