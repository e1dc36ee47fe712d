"""Prints a SAM template as CloudFormation would see it after the transform, as JSON: the translator is SAM CLI's own.

The code is put where the translator wants it (a bucket), and nothing else is changed. Names of managed policies are not
needed, because no function has any.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


def main() -> None:
    """Every file of the command line, by its name."""
    whole = {}
    for name in sys.argv[1:]:
        template = yaml_parse(Path(name).read_text())
        for resource in template["Resources"].values():
            if "CodeUri" in resource.get("Properties", {}):
                resource["Properties"]["CodeUri"] = "s3://bucket/key"
        whole[Path(name).name] = transform(template, {}, None)
    json.dump(whole, sys.stdout)


if __name__ == "__main__":
    main()
