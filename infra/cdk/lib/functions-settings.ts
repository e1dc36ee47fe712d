import { Duration } from 'aws-cdk-lib';
import * as document from './functions-settings.json';
import { Problems, Range } from './problems';

/** Values of a property: a whole number's range, or words. */
interface Allowed {
  readonly number?: { readonly least: number; readonly most: number };
  readonly one_of?: readonly string[];
}

interface Parameter {
  readonly property?: string;
  readonly default?: number | string;
  readonly allowed: Allowed;
}

interface Variable {
  readonly name: string;
  readonly default?: number | string;
  readonly least?: number;
  readonly most?: number;
}

interface Rule {
  readonly name: string;
  readonly times: number;
  readonly plus: number;
  readonly cap?: number;
}

/** Limits of AWS's and of ours, as the functions have them: `infra/settings.json`, which a test of theirs writes. */
export const LIMITS = document.limits;

const PARAMETERS: readonly Parameter[] = document.parameters;
const VARIABLES: readonly Variable[] = document.variables;
const RULES: readonly Rule[] = document.rules;

function known<T>(found: T | undefined, name: string): T {
  if (found === undefined) {
    throw new Error(`infra/settings.json has no ${name}`);
  }
  return found;
}

function parameter(property: string): Parameter {
  return known(
    PARAMETERS.find((one) => one.property === property),
    `property ${property}`,
  );
}

function variable(name: string): Variable {
  return known(
    VARIABLES.find((one) => one.name === name),
    `variable ${name}`,
  );
}

/** The range of a property that is a whole number, in its unit (seconds or days of a time). */
export function range(property: string): Range {
  const { least, most } = known(parameter(property).allowed.number, `range of ${property}`);
  return [least, most];
}

/** The words of a property. */
export function words(property: string): readonly string[] {
  return known(parameter(property).allowed.one_of, `words of ${property}`);
}

/** The default of a property that is a whole number, in its unit. */
export function fallback(property: string): number {
  return Number(known(parameter(property).default, `default of ${property}`));
}

/** Reads a property that is a time in whole seconds. */
export function seconds(problems: Problems, property: string, given: Duration | undefined): number {
  return problems.seconds(property, given ?? Duration.seconds(fallback(property)), range(property));
}

/** Reads a property that is a whole number. */
export function count(problems: Problems, property: string, given: number | undefined): number {
  return problems.number(property, given ?? fallback(property), range(property));
}

/**
 * Reads a property that is a time in whole days.
 * @param variableName The variable whose default and range it has.
 * @param least The least number of days, if that is more than the variable's.
 */
export function days(
  problems: Problems,
  property: string,
  given: Duration | undefined,
  variableName: string,
  least = 1,
): number {
  const { default: unset, least: lowest, most } = variable(variableName);
  const bounds: Range = [Math.max(least, known(lowest, variableName)), known(most, variableName)];
  return problems.days(property, given ?? Duration.days(Number(known(unset, variableName))), bounds);
}

/** The least value that a rule allows for this value of the other setting. */
export function least(rule: string, of: number): number {
  const { times, plus, cap } = known(
    RULES.find((one) => one.name === rule),
    `rule ${rule}`,
  );
  return Math.min(times * of + plus, cap ?? Infinity);
}

/** The attempts of a retry schedule that has a name. */
export function attempts(schedule: keyof typeof document.schedules): number {
  return document.schedules[schedule].attempts;
}
