"""The environments table: one item for each environment."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from bivouac import errors, times
from bivouac.aws.attributes import attribute, content
from bivouac.aws.client_types import DynamoDBClient
from bivouac.aws.errors import is_missing, translated
from bivouac.aws.listing import batches, list_all
from bivouac.environment import service_changes
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.intents import Intent, Verb
from bivouac.environment.lease import Extension
from bivouac.environment.naming import OWNER_TAG
from bivouac.environment.record import FORM, Record, Status, Summary, Unreadable, text_of
from bivouac.environment.service_changes import Changes
from bivouac.json_types import Json

CLOSED_KEPT_FOR = timedelta(days=7)
"""EventBridge and Lambda deliver for at most a day and a quarter."""
ITEMS_A_CALL = 100
"""The maximum of BatchGetItem."""
LISTED_INDEX = "listed"
SUMMARIES_INDEX = "summaries"
"""The same environments, with what a list shows people."""
LISTED = "environment"
"""Index key of environments that are not deleted."""
_GOOD = {"goodBaseRequest": "baseRequest", "goodChanges": "changes"}
"""What is last known good, and of which attribute it is a copy."""


@dataclass(frozen=True)
class Records:
    client: DynamoDBClient
    table_name: str

    def find(self, environment: str) -> Record | None:
        """The current record; None if there never was one.

        Raises RecordTooNewError."""
        item = self._item(environment)
        return None if item is None else _record(environment, item)

    def _item(self, key: str) -> Mapping[str, Any] | None:
        with translated(f"record of {key}"):
            return self.client.get_item(
                TableName=self.table_name, Key={"environment": {"S": key}}, ConsistentRead=True
            ).get("Item")

    def read_all(self, environments: Iterable[str]) -> dict[str, Record | Unreadable | None]:
        """The current records, or why they cannot be read (W19); None if there never was one."""
        listed = list(environments)
        items = self._items(listed)
        return {name: _understood(name, items[name]) if name in items else None for name in listed}

    def _items(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The existing items by key."""
        found: dict[str, dict[str, Any]] = {}
        for batch in batches(dict.fromkeys(keys), ITEMS_A_CALL):
            wanted: Any = [{"environment": {"S": key}} for key in batch]
            while wanted:
                with translated(f"records of {batch[0]} to {batch[-1]}"):
                    answer = self.client.batch_get_item(
                        RequestItems={self.table_name: {"Keys": wanted, "ConsistentRead": True}}
                    )
                items = answer["Responses"].get(self.table_name, [])
                found.update((item["environment"]["S"], dict(item)) for item in items)
                # Above 16 MB, or when the table is busy, some are left for another call
                left = answer.get("UnprocessedKeys", {}).get(self.table_name)
                wanted = left["Keys"] if left else []
        return found

    def names(self) -> list[str]:
        """The names of all environments that are not deleted, whatever else their records say.

        The index lags slightly behind the table."""
        return [item["environment"]["S"] for item in self._listed_items()]

    def listed(self) -> list[Summary]:
        """Every environment that is not deleted.

        The index lags slightly behind the table: `find` the record before acting on it."""
        return [_summary(item) for item in self._listed_items()]

    def living(self) -> list[str]:
        """The names of the environments that are not deleted; empty if there is no table."""
        try:
            listed = self.listed()
        except errors.RefusedByAwsError as error:
            if is_missing(error):
                return []
            raise
        # A deleted environment stays listed until its event is published
        return [each.environment for each in listed if each.status is not Status.DELETED]

    def _listed_items(self) -> list[Mapping[str, Any]]:
        return list_all(
            "records of environments",
            self.client,
            "query",
            "Items",
            TableName=self.table_name,
            IndexName=LISTED_INDEX,
            KeyConditionExpression="listed = :listed",
            ExpressionAttributeValues={":listed": {"S": LISTED}},
        )

    def page(self, limit: int, after: str | None) -> tuple[list[Summary], str | None]:
        """Up to `limit` environments that are not deleted, after the one named `after`; and the
        last one's name, if more follow. One Query; the index lags slightly behind the table."""
        begin: Any = {}
        if after is not None:
            key = {"environment": {"S": after}, "listed": {"S": LISTED}}
            begin = {"ExclusiveStartKey": key}
        with translated("records of environments"):
            answer = self.client.query(
                TableName=self.table_name,
                IndexName=SUMMARIES_INDEX,
                KeyConditionExpression="listed = :listed",
                ExpressionAttributeValues={":listed": {"S": LISTED}},
                Limit=limit,
                **begin,
            )
        last = answer.get("LastEvaluatedKey")
        name = last["environment"]["S"] if last else None
        return [_summary(item) for item in answer["Items"]], name

    def remember_closed(self, repository: str, number: int, intent: Intent, now: datetime) -> None:
        """Store that a pull request was closed, against a late create that was meant earlier.

        Raises NotYetConsistentError if another closing came at the same time."""
        self._remember_closed(_pull_request(repository, number), intent, now)

    def remember_deleted(self, environment: str, intent: Intent, now: datetime) -> None:
        """Store that an environment without a record was deleted, against such a create.

        Raises NotYetConsistentError if that create came at the same time, so that its environment
        is deleted."""
        self._remember_closed(_deletion(environment), intent, now)
        if self.find(environment) is not None:
            raise errors.NotYetConsistentError(
                f"environment {environment}: it has just been created"
            )

    def _remember_closed(self, name: str, intent: Intent, now: datetime) -> None:
        known = self._closed(name)
        if known is not None and known >= intent:
            return
        self._update(
            name,
            {
                "closed": json.dumps(intent.to_json()),
                "removeAt": int((now + CLOSED_KEPT_FOR).timestamp()),
            },
            {"closed": json.dumps(known.to_json()) if known else None},
            errors.NotYetConsistentError(f"{name}: stored twice at the same time"),
        )

    def ended_before(self, blueprint: Blueprint, record: Record | None) -> Intent | None:
        """When an environment was deleted, or its pull request closed, if that arrived before its
        create and is still stored."""
        never_was = [_deletion(blueprint.environment)] if record is None else []
        found = map(self._closed, [*_pull_requests(blueprint.triggers), *never_was])
        return max(filter(None, found), default=None)

    def _closed(self, name: str) -> Intent | None:
        item = self._item(name)
        return _closing(item) if item else None

    def closings(self, records: Mapping[str, Record]) -> dict[str, Intent]:
        """By environment: when its pull request was closed, if it was."""
        keys = {
            name: key
            for name, record in records.items()
            for key in _pull_requests(record.blueprint["triggers"])
        }
        items = self._items(keys.values())
        return {name: _closing(items[key]) for name, key in keys.items() if key in items}

    def current(self, environment: str, generation: int) -> Record:
        """The record, if `generation` is still the current one.

        Every step checks this before it changes anything. Raises SupersededError, also if the
        record is too new: only an execution that takes an environment writes a newer form."""
        try:
            record = self.find(environment)
        except errors.RecordTooNewError as error:
            raise errors.SupersededError(str(error)) from error
        if record is None or record.generation != generation:
            raise errors.SupersededError(
                f"environment {environment}: generation {generation} is over"
                + (f", {record.generation} holds it" if record else ", its record is gone")
            )
        return record

    def add_task_definitions(self, environment: str, generation: int, arns: Sequence[str]) -> None:
        """Store registered revisions, so that the deletion need not search for them.

        Raises SupersededError if `generation` is no longer the current one."""
        self._update(
            environment,
            {"taskDefinitions": set(arns)},
            {"generation": generation},
            _superseded(environment, generation),
        )

    def take(
        self, taken: Record, before: Record | Unreadable | None, forget: Sequence[str] = ()
    ) -> None:
        """Write `taken` unless another execution came first.

        Details of earlier executions stay (H22), except for those in `forget`; nothing stays of an
        unreadable record.
        Raises NotYetConsistentError if another came first, so that the machine retries."""
        blueprint = taken.blueprint
        written: Json = {
            "form": FORM,
            "generation": taken.generation,
            "status": taken.status,
            "execution": taken.execution,
            "requestHash": taken.request_hash,
            "blueprint": text_of(blueprint),
            "expiresAt": taken.expires_at,
            "settle": taken.settle,
            "verb": taken.verb,
            "request": taken.request,
            "baseRequest": taken.base_request,
            "changes": text_of(service_changes.to_json(taken.changes)),
            "intents": _intents_text(taken.intents),
            "officeHours": taken.office_hours,
            "listed": LISTED,
            "onFailure": blueprint["on_failure"],
            "triggers": json.dumps(blueprint["triggers"]),
            "owner": blueprint["tags"].get(OWNER_TAG, ""),
        }
        if taken.created_at:
            written["createdAt"] = taken.created_at
        if isinstance(before, Unreadable):
            forget = [name for name in before.attributes if name not in (*written, "environment")]
        self._update(
            taken.environment,
            written,
            _unchanged_since(before),
            errors.NotYetConsistentError(
                f"environment {taken.environment}: another execution took it at the same time"
            ),
            removed=(*forget, "untold"),
        )

    def extend(self, before: Record, expires_at: str, newest: Extension) -> None:
        """Give the lease this end, unless the record has changed since it was read.

        Raises NotYetConsistentError if it has, so that the machine retries."""
        self._change(before, expiresAt=expires_at, extension=json.dumps(newest.to_json()))

    def remember(self, before: Record, intents: Mapping[str, Intent]) -> None:
        """Store a record's newest intents, and change nothing else.

        Raises NotYetConsistentError as `extend` does."""
        self._change(before, intents=_intents_text(intents))

    def keep_changes(self, before: Record, changes: Changes) -> None:
        """Store redeploys for a later creation, and change nothing else.

        Raises NotYetConsistentError as `extend` does."""
        self._change(before, changes=json.dumps(service_changes.to_json(changes)))

    def _change(self, before: Record, **texts: str) -> None:
        self._update(
            before.environment,
            texts,
            _unchanged_since(before) | {"intents": _intents_text(before.intents)},
            errors.NotYetConsistentError(
                f"environment {before.environment}: it was changed at the same time"
            ),
        )

    def finish(
        self,
        environment: str,
        generation: int,
        status: Status,
        *,
        expires_at: str | None = None,
        **details: Any,
    ) -> None:
        """Set the status with which an execution ends, and its details, as JSON.

        READY saves the request as last known good; DELETED removes the record from the index.
        Raises SupersededError if `generation` is no longer the current one."""
        given = {"status": status} | {name: text_of(value) for name, value in details.items()}
        if expires_at is not None:
            given["expiresAt"] = expires_at
        self._update(
            environment,
            given,
            {"generation": generation},
            _superseded(environment, generation),
            copied=_GOOD if status is Status.READY else {},
            removed=("listed", *_GOOD) if status is Status.DELETED else (),
        )

    def end(
        self, record: Record, status: Status, *, settle: bool | None = None, **details: Any
    ) -> None:
        """Set another status on behalf of an execution, and details, as JSON.

        Raises SupersededError if it was taken or ended since `record` was read."""
        given: dict[str, Any] = {name: text_of(value) for name, value in details.items()}
        if settle is not None:
            given["settle"] = settle
        self._update(
            record.environment,
            {"status": status, **given},
            _held_as(record),
            errors.SupersededError(
                f"environment {record.environment}: generation {record.generation} is over, or no "
                f"longer {record.status}"
            ),
        )

    def note_untold(self, environment: str, generation: int, detail_type: str) -> None:
        """Note that the record's event is not published; listed, so that the sweep publishes it.

        Raises SupersededError if `generation` is no longer the current one."""
        self._update(
            environment,
            {"untold": json.dumps(detail_type), "listed": LISTED},
            {"generation": generation},
            _superseded(environment, generation),
        )

    def forget_untold(self, record: Record) -> None:
        """Clear the note. Raises SupersededError if the record was taken or ended since."""
        self._update(
            record.environment,
            {},
            _held_as(record),
            _superseded(record.environment, record.generation),
            removed=("untold", "listed") if record.status is Status.DELETED else ("untold",),
        )

    def _update(
        self,
        environment: str,
        given: Mapping[str, Any],
        holds: Mapping[str, Any],
        refusal: errors.BivouacError,
        *,
        copied: Mapping[str, str] = MappingProxyType({}),
        removed: Iterable[str] = (),
    ) -> None:
        """Write what is `given`, if the item `holds` these values; None: it has no such attribute.

        A set is added to the one that the item has. `copied`: from which other attribute each of
        these gets its value. Raises `refusal` if the item holds something else."""
        sets = [name for name, value in given.items() if isinstance(value, set)]
        clauses = {
            "SET": [f"#{name} = :{name}" for name in given if name not in sets]
            + [f"#{name} = #{other}" for name, other in copied.items()],
            "ADD": [f"#{name} :{name}" for name in sets],
            "REMOVE": [f"#{name}" for name in dict.fromkeys(removed)],
        }
        update = " ".join(f"{verb} {', '.join(each)}" for verb, each in clauses.items() if each)
        condition = " AND ".join(
            f"attribute_not_exists(#{name})" if value is None else f"#{name} = :{name}Before"
            for name, value in holds.items()
        )
        values = {f":{name}": value for name, value in given.items()}
        values |= {f":{name}Before": value for name, value in holds.items() if value is not None}
        names = re.findall(r"#(\w+)", f"{update} {condition}")
        with translated(f"record of {environment}"):
            try:
                self.client.update_item(
                    TableName=self.table_name,
                    Key={"environment": {"S": environment}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={f"#{name}": name for name in names},
                    ExpressionAttributeValues=attribute(values)["M"],
                )
            except self.client.exceptions.ConditionalCheckFailedException:
                raise refusal from None


def _pull_request(repository: str, number: int) -> str:
    """The key of a closed pull request: no environment can have such a name."""
    return f"pull request {repository}#{number}"


def _pull_requests(triggers: Json) -> list[str]:
    """The key of the one whose end is the environment's, if there is one."""
    named = triggers.get("pullRequest")
    return [_pull_request(named["repository"], named["number"])] if named else []


def _deletion(environment: str) -> str:
    """The key of a deleted environment that had no record."""
    return f"deletion of {environment}"


_AS_JSON = frozenset(
    (
        "blueprint",
        "changes",
        "closed",
        "edges",
        "expected",
        "extension",
        "failure",
        "goodChanges",
        "intents",
        "namespaceArn",
        "readyAt",
        "receipt",
        "triggers",
        "untold",
    )
)
"""The attributes that hold JSON."""


def _values(item: Mapping[str, Any]) -> Json:
    """What an item holds; null is as good as absent."""
    found = {
        name: json.loads(value) if name in _AS_JSON else value
        for name, value in content(item).items()
    }
    return {name: value for name, value in found.items() if value is not None}


def _closing(item: Mapping[str, Any]) -> Intent:
    return Intent.from_json(_values(item)["closed"])


def _record(environment: str, item: Mapping[str, Any]) -> Record:
    """Raises RecordTooNewError."""
    form = int(item["form"]["N"]) if "form" in item else 1
    if form > FORM:
        raise errors.RecordTooNewError(
            f"a newer version of Bivouac wrote the record of {environment}: it has form {form}, "
            f"but this version knows only {FORM}. Update the stack, then try again"
        )
    held = _values(item)
    return Record(
        environment=environment,
        generation=int(held["generation"]),
        status=Status(held["status"]),
        execution=held["execution"],
        request_hash=held["requestHash"],
        blueprint=held["blueprint"],
        expires_at=held["expiresAt"],
        settle=held["settle"],
        edges=held.get("edges", ()),
        expected=held.get("expected", ()),
        namespace_arn=held.get("namespaceArn", ""),
        task_definitions=tuple(held.get("taskDefinitions", ())),
        verb=Verb(held["verb"]),
        request=held["request"],
        base_request=held["baseRequest"],
        changes=service_changes.from_json(held["changes"]),
        good_base_request=held.get("goodBaseRequest", ""),
        good_changes=service_changes.from_json(held.get("goodChanges", {})),
        intents={matter: Intent.from_json(each) for matter, each in held["intents"].items()},
        failure=held.get("failure", {}),
        untold=held.get("untold", ""),
        receipt=held.get("receipt", {}),
        extension=Extension.from_json(held["extension"]) if "extension" in held else None,
        office_hours=held.get("officeHours", True),
        created_at=held.get("createdAt", ""),
        ready_at=held.get("readyAt", ""),
    )


def _summary(item: Mapping[str, Any]) -> Summary:
    """From an item of either index."""
    held = _values(item)
    return Summary(
        environment=held["environment"],
        generation=int(held["generation"]),
        status=Status(held["status"]),
        execution=held["execution"],
        expires_at=held["expiresAt"],
        verb=Verb(held["verb"]),
        triggers=held["triggers"],
        owner=held.get("owner", ""),
        created_at=held.get("createdAt", ""),
        ready_at=held.get("readyAt", ""),
    )


def _understood(environment: str, item: Mapping[str, Any]) -> Record | Unreadable:
    try:
        record = _record(environment, item)
        Blueprint.from_json(record.blueprint)
        times.moment(record.expires_at)
        return record
    except errors.RecordTooNewError as error:
        why, newer = str(error), True
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        why, newer = f"its record cannot be read: {type(error).__name__}: {error}", False
    generation = item.get("generation", {}).get("N", "")
    return Unreadable(
        environment=environment,
        why=why,
        generation=int(generation) if generation.isdecimal() else None,
        status=item.get("status", {}).get("S"),
        expires_at=item.get("expiresAt", {}).get("S"),
        attributes=tuple(sorted(item)),
        newer=newer,
    )


def _superseded(environment: str, generation: int) -> errors.SupersededError:
    return errors.SupersededError(f"environment {environment}: generation {generation} is over")


def _intents_text(intents: Mapping[str, Intent]) -> str:
    return json.dumps({matter: intents[matter].to_json() for matter in sorted(intents)})


def _unchanged_since(before: Record | Unreadable | None) -> dict[str, Any]:
    """What the record holds if it has not changed since `before` was read."""
    if before is None:
        return {"generation": None}
    if isinstance(before, Unreadable):
        return _held_as(before)
    # An extension changes nothing else.
    extension = json.dumps(before.extension.to_json()) if before.extension else None
    return _held_as(before) | {"expiresAt": before.expires_at, "extension": extension}


def _held_as(before: Record | Unreadable) -> dict[str, Any]:
    """What it holds if the environment was neither taken nor ended since."""
    return {"generation": before.generation, "status": before.status}
