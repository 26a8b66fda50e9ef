"""CloudFormation's intrinsic functions and conditions."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from localcloud.template.errors import TemplateError

NO_VALUE = object()
"""The value of `AWS::NoValue`: the property is absent."""


class Names(Protocol):
    """What a template can refer to."""

    def ref(self, name: str) -> Any:
        """The value of a parameter, pseudo parameter or resource."""
        ...

    def attribute(self, logical_id: str, attribute: str) -> Any: ...


class Intrinsics:
    """Evaluates a template's values. Resources are created when something refers to them."""

    def __init__(
        self,
        names: Names,
        conditions: Mapping[str, Any],
        mappings: Mapping[str, Mapping[str, Mapping[str, Any]]],
    ) -> None:
        self._names = names
        self._conditions = conditions
        self._mappings = mappings
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": lambda text: base64.b64encode(self.value(text).encode()).decode(),
            "Fn::Equals": self._equals,
            "Fn::And": lambda clauses: all(self.holds(clause) for clause in clauses),
            "Fn::Or": lambda clauses: any(self.holds(clause) for clause in clauses),
            "Fn::Not": lambda clauses: not self.holds(clauses[0]),
        }

    def value(self, written: Any) -> Any:
        """Evaluates any value of a template; absent properties are left out."""
        if isinstance(written, list):
            items = [self.value(item) for item in written]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(written, dict):
            return written
        if len(written) == 1:
            (name, argument) = next(iter(written.items()))
            if function := self._functions.get(name):
                return function(argument)
            if name.startswith("Fn::"):
                raise TemplateError(f"the local cloud does not know {name}")
        properties = {key: self.value(value) for key, value in written.items()}
        return {key: value for key, value in properties.items() if value is not NO_VALUE}

    def holds(self, condition: Any) -> bool:
        """A condition by its name, or written out."""
        if isinstance(condition, str):
            if condition not in self._conditions:
                raise TemplateError(f"there is no condition {condition}")
            return self.holds(self._conditions[condition])
        if "Condition" in condition:
            return self.holds(condition["Condition"])
        return bool(self.value(condition))

    def _ref(self, name: str) -> Any:
        return NO_VALUE if name == "AWS::NoValue" else self._names.ref(name)

    def _get_att(self, argument: Any) -> Any:
        if isinstance(argument, str):
            argument = argument.split(".", 1)
        logical_id, attribute = argument
        return self._names.attribute(logical_id, self.value(attribute))

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})

        def replaced(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in given:
                return _text(self.value(given[name]))
            if "." in name:
                logical_id, _, attribute = name.partition(".")
                return _text(self._names.attribute(logical_id, attribute))
            return _text(self._names.ref(name))

        return re.sub(r"\$\{([^}]+)\}", replaced, text)

    def _join(self, argument: Any) -> str:
        separator, items = argument
        return str(separator).join(_text(item) for item in self.value(items))

    def _select(self, argument: Any) -> Any:
        index, items = int(self.value(argument[0])), self.value(argument[1])
        if index >= len(items):
            raise TemplateError(f"Fn::Select asks for item {index} of {items}")
        return items[index]

    def _split(self, argument: Any) -> list[str]:
        separator, text = argument
        return str(self.value(text)).split(separator)

    def _if(self, argument: Any) -> Any:
        condition, then, otherwise = argument
        return self.value(then if self.holds(condition) else otherwise)

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = (self.value(part) for part in argument[:3])
        try:
            return self._mappings[name][str(first)][str(second)]
        except KeyError:
            raise TemplateError(f"Fn::FindInMap: {name} has no {first}.{second}") from None

    def _equals(self, argument: Any) -> bool:
        left, right = (self.value(side) for side in argument)
        return bool(_text(left) == _text(right))


def _text(value: Any) -> str:
    """Values as CloudFormation inserts them into strings: booleans are lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return str(value)
