import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RedriveAttachmentStack, RedriveStack } from '../lib';
import { MEANT, Meant, unmeant } from './differences';
import { Template } from './evaluate';
import { ATTACH_PARAMETERS, Values, WHOLE_PARAMETERS, attachedProps, wholeProps } from './parameters';
import { ATTACH_SETS, WHOLE_SETS } from './sets';
import { Difference, compare, ofCdk, ofSam } from './shape';
import { RECOMMENDED_FLAGS, app, sam, stub, synthesised } from './stacks';

const code = stub();
const shown = (differences: readonly Difference[]): string =>
  differences
    .map(({ place, sam: left, cdk: right }) => `${place}\n    SAM ${JSON.stringify(left)}\n    CDK ${JSON.stringify(right)}`)
    .join('\n');
const met = new Set<Meant>();

interface Form {
  readonly file: 'template.yaml' | 'attach.yaml';
  readonly sets: Readonly<Record<string, Values>>;
  readonly parameters: readonly string[];
  readonly make: (values: Values, flags: Readonly<Record<string, unknown>>) => Template;
}

const FORMS: readonly Form[] = [
  {
    file: 'template.yaml',
    sets: WHOLE_SETS,
    parameters: WHOLE_PARAMETERS,
    make: (values, flags) => synthesised(new RedriveStack(app(flags), 'redrive', wholeProps(values, code))),
  },
  {
    file: 'attach.yaml',
    sets: ATTACH_SETS,
    parameters: ATTACH_PARAMETERS,
    make: (values, flags) => synthesised(new RedriveAttachmentStack(app(flags), 'redrive', attachedProps(values, code))),
  },
];

for (const { file, sets, parameters, make } of FORMS) {
  void describe(`the CDK's form of ${file}`, () => {
    for (const [name, values] of Object.entries(sets)) {
      for (const [flags, what] of [
        [{}, 'old'],
        [RECOMMENDED_FLAGS, 'recommended'],
      ] as const) {
        void it(`is that of SAM with ${name}, in an app with ${what} feature flags`, () => {
          const left = unmeant(compare(ofSam(sam()[file], values), ofCdk(make(values, flags))), met);
          assert.equal(shown(left), '');
        });
      }
    }

    void it('has a property for every parameter', () => {
      assert.deepEqual([...parameters].sort(), Object.keys(sam()[file].Parameters ?? {}).sort());
    });

    void it('is compared with every parameter turned', () => {
      const declared = Object.entries(sam()[file].Parameters ?? {});
      const still = declared.filter(
        ([name, { Default }]) => !Object.values(sets).some((set) => set[name] !== undefined && set[name] !== String(Default)),
      );
      assert.deepEqual(
        still.map(([name]) => name),
        [],
      );
    });
  });
}

void it('differs from SAM in nothing that is listed as meant and is no more', () => {
  assert.deepEqual(
    MEANT.filter((meant) => !met.has(meant)).map(({ why }) => why),
    [],
  );
});
