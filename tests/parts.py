"""Whatever says something of an environment is a part of the status document.

docs/status.schema.json has the parts by name.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from docs.status_schema import FILE

WRITTEN: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


@cache
def _validator(part: str) -> Draft202012Validator:
    return Draft202012Validator({**WRITTEN, "$ref": f"#/$defs/{part}"})


def must_be(part: str, content: Any) -> None:
    as_sent = json.loads(json.dumps(content))
    mistakes = [
        f"{each.json_path}: {each.message}" for each in _validator(part).iter_errors(as_sent)
    ]
    assert not mistakes, (part, mistakes, content)


def must_be_an_output(output: dict[str, Any]) -> None:
    """Of an execution that succeeded. A plan is not of what there is."""
    match output["outcome"]:
        case "PLANNED":
            return
        case "OUTDATED" | "NOTHING_THERE":
            must_be("NothingDone", output)
        case _ if "receipt" in output:
            must_be("Deleted", output)
        case _ if "proof" in output:
            must_be("Ready", output)
        case _:
            must_be("Done", output)
