"""Reads a SAM template and the files that it names."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import yaml
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import intrinsics_multi_constructor

from localcloud.template.errors import TemplateError

_PACKAGED = "s3://packaged"
"""The translator expects packaged code and definitions; here both come from their files. `sam
package` names its S3 objects after their content, so changed code is a changed property."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """libyaml's loader, with constructors for short forms such as !Sub; SAM's own loader is pure
    Python."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def parse_yaml(text: str) -> Any:
    """CloudFormation's YAML, with short forms written out."""
    return yaml.load(text, Loader=_Loader)


@dataclass(frozen=True)
class Source:
    document: dict[str, Any]
    """The template as `sam package` leaves it."""
    code: dict[str, Path]
    """Function's logical id -> its CodeUri directory."""
    definitions: dict[str, str]
    """State machine's logical id -> the text of its DefinitionUri file."""

    def translated(self, parameters: dict[str, str], region: str) -> dict[str, Any]:
        """The CloudFormation template that AWS makes of it. No network is used."""
        session = boto3.Session(
            region_name=region, aws_access_key_id="none", aws_secret_access_key="none"
        )
        translator = Translator({}, Parser(), boto_session=session)
        try:
            translated: dict[str, Any] = translator.translate(
                sam_template=copy.deepcopy(self.document),
                parameter_values={**parameters, "AWS::Region": region},
            )
        except InvalidDocumentException as error:
            causes = "; ".join(cause.message for cause in error.causes)
            raise TemplateError(f"SAM cannot translate the template: {causes}") from error
        finally:
            translator.metrics.publish()  # discarded; unpublished ones cause a warning
        return translated


def read_template(path: Path) -> Source:
    try:
        document: dict[str, Any] = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TemplateError(f"there is no template at {path}") from None
    common_code = document.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    code: dict[str, Path] = {}
    definitions: dict[str, str] = {}
    digest_of = cache(_digest)
    for logical_id, resource in document["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            uri = properties.get("CodeUri", common_code)
            code[logical_id] = _directory_of(path, logical_id, uri)
            properties["CodeUri"] = f"{_PACKAGED}/{digest_of(code[logical_id])}"
        elif resource["Type"] == "AWS::Serverless::StateMachine" and "DefinitionUri" in properties:
            uri = properties["DefinitionUri"]
            definitions[logical_id] = _definition_text(path, logical_id, uri)
            digest = hashlib.sha256(definitions[logical_id].encode()).hexdigest()
            properties["DefinitionUri"] = f"{_PACKAGED}/{digest}"
    return Source(document, code, definitions)


def _digest(directory: Path) -> str:
    """Of its files' content, wherever it is."""
    digest = hashlib.sha256()
    for file in sorted(path for path in directory.rglob("*") if path.is_file()):
        if file.suffix != ".pyc":
            digest.update(f"{file.relative_to(directory)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _directory_of(template: Path, logical_id: str, uri: object) -> Path:
    directory = template.parent / str(uri)
    if not isinstance(uri, str) or not directory.is_dir():
        raise TemplateError(
            f"{logical_id}: CodeUri must name a directory beside {template.name}, not {uri!r}"
        )
    return directory.resolve()


def _definition_text(template: Path, logical_id: str, uri: str) -> str:
    try:
        return (template.parent / uri).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TemplateError(
            f"{logical_id}: DefinitionUri names {uri}, which is not beside {template.name}"
        ) from None
