"""moto's interpreter, mended where it does otherwise than AWS."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state import state as moto_state
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations.is_operator import (  # noqa: E501
    IsTimestamp,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import (
    BranchWorker,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramRunning
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import json_path

from localcloud.patching import Patch
from localcloud.stepfunctions.importers import importers
from localcloud.stepfunctions.moments import IsoTexts, timestamp

_LAST_EVENTS = {
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionTimedOut,
}
_UNCAUGHT = (
    StatesErrorName(StatesErrorNameType.StatesStatesDataLimitExceeded),
    StatesErrorName(StatesErrorNameType.StatesRuntime),
)


def patches() -> Iterator[Patch]:
    yield AmazonStateLanguageParser, "parse", staticmethod(_parse)
    yield Environment, "set_error", _set_error_of(Environment.set_error)
    yield BranchWorker, "_thread_routine", _thread_routine_of(BranchWorker._thread_routine)
    yield EventManager, "add_event", _add_event_of(EventManager.add_event)
    yield ErrorEqualsDecl, "_eval_body", _is_caught_of(ErrorEqualsDecl._eval_body)
    yield moto_state, "datetime", IsoTexts
    yield IsTimestamp, "string_to_timestamp", staticmethod(timestamp)
    for module in importers("extract_json"):
        yield module, "extract_json", _extract


_INDEFINITE = re.compile(r"\.\.|\[\s*(?:\*|\?|[^\]'\"]*[:,])|\.\*")
"""What makes a path one to any number of values, which are a list even when there is one."""

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
    """moto reads the text anew for each execution, which takes longer than most of them. What is
    executed is made anew: it may keep what one execution did."""
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
        """States.ALL matches neither of two errors that nothing can be done about (W08, W09)."""
        error = env.stack[-1]
        original(self, env)
        if error in _UNCAUGHT and error not in self.error_names:
            env.stack[-1] = False

    return _eval_body
