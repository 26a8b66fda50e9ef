"""moto's interpreter, corrected where it differs from AWS."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state import state as moto_state
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (  # noqa: E501
    ComparisonOperatorType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_variable import (
    ComparisonVariable,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations.is_operator import (  # noqa: E501
    IsTimestamp,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.variable import NoSuchVariable
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import (
    BranchWorker,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramRunning
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import json_path

from localcloud.moto_changes.patching import Patch
from localcloud.stepfunctions.importers import importers
from localcloud.stepfunctions.moments import IsoTexts, timestamp

_LAST_EVENTS = {
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionTimedOut,
}
_UNCAUGHT = StatesErrorName(StatesErrorNameType.StatesRuntime)
MAX_CAUSE = 32_768
"""Characters of a cause (the API's model, SensitiveCause); a longer one is cut (assumed)."""


def patches() -> Iterator[Patch]:
    yield AmazonStateLanguageParser, "parse", staticmethod(_parse)
    yield Environment, "set_error", _set_error_of(Environment.set_error)
    yield BranchWorker, "_thread_routine", _thread_routine_of(BranchWorker._thread_routine)
    yield EventManager, "add_event", _add_event_of(EventManager.add_event)
    yield ErrorEqualsDecl, "_eval_body", _is_caught_of(ErrorEqualsDecl._eval_body)
    yield ComparisonVariable, "_eval_body", _compare_of(ComparisonVariable._eval_body)
    # moto refuses a Fail that passes on what a Catch got if that is Step Functions' own error.
    yield CustomErrorName, "__init__", ErrorName.__init__
    yield FailureEvent, "__init__", _failure_of(FailureEvent.__init__)
    yield moto_state, "datetime", IsoTexts
    yield IsTimestamp, "string_to_timestamp", staticmethod(timestamp)
    for module in importers("is_within_size_quota"):
        yield module, "is_within_size_quota", _finds_room
    for module in importers("extract_json"):
        yield module, "extract_json", _extract


MAX_STATE = 262_144
"""Bytes of UTF-8 (Step Functions' quotas). moto counts JSON's escapes, which AWS does not."""


def _finds_room(value: Any) -> bool:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return len(text.encode()) <= MAX_STATE


_INDEFINITE = re.compile(r"\.\.|\[\s*(?:\*|\?|[^\]'\"]*[:,])|\.\*")
"""What lets a path match any number of values; the result is a list even if there is one."""

_parsed_path = lru_cache(maxsize=1024)(json_path.parse)
"""Parsing takes longer than everything else that a state does."""


def _extract(path: str, data: Any) -> Any:
    """The value at a JSONPath. moto makes `$.list[0].name` a list of one."""
    values = [match.value for match in _parsed_path(path).find(data)]
    if _INDEFINITE.search(path):
        return values
    if not values:
        raise json_path.NoSuchJsonPathError(json_path=path, data=data)
    return values[0]


_parse_text = AmazonStateLanguageParser.parse


@lru_cache(maxsize=64)
def _tree_of(definition: str) -> Any:
    return _parse_text(definition)[1]


def _parse(definition: str) -> tuple[Any, Any]:
    """moto parses the definition again for each execution, which takes longer than most of them.
    The evaluated objects are new each time: they may keep state of an execution."""
    tree = _tree_of(definition)
    return Preprocessor().visit(tree), tree


def _set_error_of(original: Callable[..., None]) -> Callable[..., None]:
    def set_error(self: Environment, error: Any) -> None:
        """moto lets a state that fails after StopExecution turn ABORTED into FAILED."""
        with self._state_mutex:
            if self._program_state is None or isinstance(self._program_state, ProgramRunning):
                original(self, error)

    return set_error


def _thread_routine_of(original: Callable[..., None]) -> Callable[..., None]:
    def _thread_routine(self: BranchWorker) -> None:
        """moto fails in a branch that was stopped before it began, and then waits for it."""
        try:
            original(self)
        except RuntimeError:
            if self.env.is_running():
                raise
            self._branch_worker_comm.on_terminated(env=self.env)

    return _thread_routine


def _add_event_of(original: Callable[..., int]) -> Callable[..., int]:
    closing = threading.Lock()

    def add_event(
        self: EventManager, context: Any, event_type: HistoryEventType, *args: Any, **kwargs: Any
    ) -> int:
        """Nothing happens in an execution after it has ended."""
        with closing:
            if getattr(self, "closed", False):
                return 0
            self.closed = event_type in _LAST_EVENTS
        return original(self, context, event_type, *args, **kwargs)

    return add_event


def _is_caught_of(original: Callable[..., None]) -> Callable[..., None]:
    def _eval_body(self: ErrorEqualsDecl, env: Environment) -> None:
        """States.Runtime is never caught, not even by its own name (localstack/localstack@8b9a79f,
        test_base_scenarios.snapshot.json::test_catch_states_runtime, recorded on AWS 2023-11)."""
        error = env.stack[-1]
        original(self, env)
        if error == _UNCAUGHT:
            env.stack[-1] = False

    return _eval_body


def _compare_of(original: Callable[..., None]) -> Callable[..., None]:
    def _eval_body(self: ComparisonVariable, env: Environment) -> None:
        """If the path that a rule names does not exist, moto goes on to Default. AWS fails, unless
        the rule tests just that (expected values of tests that were compared with TestState, 2026).
        """
        comparison = self.comparison_function
        if comparison.operator_type == ComparisonOperatorType.IsPresent:
            original(self, env)
            return
        self.variable.eval(env)
        if isinstance(env.stack[-1], NoSuchVariable):
            raise _invalid_path(env, self.variable.string_sampler.literal_value)
        try:
            comparison.eval(env)
        except json_path.NoSuchJsonPathError as error:
            raise _invalid_path(env, error.json_path) from error

    return _eval_body


def _invalid_path(env: Environment, path: str) -> FailureEventException:
    cause = f"Invalid path '{path}': The choice state's condition path references an invalid value."
    details = {"error": _UNCAUGHT.error_name, "cause": cause}
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=_UNCAUGHT,
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),
        )
    )


def _failure_of(original: Callable[..., None]) -> Callable[..., None]:
    def failure(self: FailureEvent, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        for details in (self.event_details or {}).values():
            if isinstance(cause := details.get("cause"), str):
                details["cause"] = cause[:MAX_CAUSE]

    return failure
