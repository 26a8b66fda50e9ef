"""The environments table: one item for each environment."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bivouac import errors, times
from bivouac.aws.batches import batches
from bivouac.aws.errors import translated
from bivouac.environment import service_changes
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.intents import Intent, Verb
from bivouac.environment.lease import Extension
from bivouac.environment.naming import OWNER_TAG
from bivouac.environment.record import FORM, Record, Status, Summary, Unreadable, text_of
from bivouac.environment.service_changes import Changes

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CLOSED_KEPT_FOR = timedelta(days=7)
"""EventBridge and Lambda deliver for a day and a quarter at most."""
ITEMS_A_CALL = 100
"""The most that BatchGetItem takes."""
LISTED_INDEX = "listed"
SUMMARIES_INDEX = "summaries"
"""The same environments, with what a list shows people."""
LISTED = "environment"
"""Of every environment but those that are deleted: the key that puts a record into the index."""


@dataclass(frozen=True)
class Records:
    client: DynamoDBClient
    table_name: str

    def find(self, environment: str) -> Record | None:
        """The record as it is now; None where there never was one.

        Raises RecordTooNewError."""
        with translated(f"record of {environment}"):
            item = self.client.get_item(
                TableName=self.table_name,
                Key={"environment": {"S": environment}},
                ConsistentRead=True,
            ).get("Item")
        return None if item is None else _record(environment, item)

    def look(self, environment: str) -> Record | Unreadable | None:
        """The record as it is now, or why it cannot be understood (W19)."""
        return self.look_at([environment])[environment]

    def look_at(self, environments: Iterable[str]) -> dict[str, Record | Unreadable | None]:
        """The same of many."""
        listed = list(environments)
        items = self._items(listed)
        return {name: _understood(name, items[name]) if name in items else None for name in listed}

    def _items(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Those that there are."""
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
                # Above 16 MB, and where the table is busy, some are left for another call
                left = answer.get("UnprocessedKeys", {}).get(self.table_name)
                wanted = left["Keys"] if left else []
        return found

    def names(self) -> list[str]:
        """Of every environment that is not deleted, whatever else its record says.

        The index follows the table after a moment."""
        with translated("records of environments"):
            pages = self.client.get_paginator("query").paginate(
                TableName=self.table_name,
                IndexName=LISTED_INDEX,
                KeyConditionExpression="listed = :listed",
                ProjectionExpression="environment",
                ExpressionAttributeValues={":listed": {"S": LISTED}},
            )
            return [item["environment"]["S"] for page in pages for item in page["Items"]]

    def listed(self) -> list[Summary]:
        """Every environment that is not deleted.

        The index follows the table after a moment: whoever acts on one of them finds it first."""
        with translated("records of environments"):
            pages = self.client.get_paginator("query").paginate(
                TableName=self.table_name,
                IndexName=LISTED_INDEX,
                KeyConditionExpression="listed = :listed",
                ExpressionAttributeValues={":listed": {"S": LISTED}},
            )
            return [_summary(item) for page in pages for item in page["Items"]]

    def page(self, limit: int, after: str | None = None) -> tuple[list[Summary], str | None]:
        """Up to so many environments that are not deleted, from the one behind `after` on, and the
        last of them where more follow. One Query; the index follows the table after a moment."""
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
        return [_summary(item) for item in answer["Items"]], last["environment"][
            "S"
        ] if last else None

    def remember_closed(self, repository: str, number: int, intent: Intent, now: datetime) -> None:
        """That a pull request was closed, for a create that was meant before and is still to come.

        Raises NotYetConsistentError where another closing came at the same time."""
        self._remember_closed(_pull_request(repository, number), intent, now)

    def remember_deleted(self, environment: str, intent: Intent, now: datetime) -> None:
        """That an environment without a record was deleted, for such a create.

        Raises NotYetConsistentError where that create came at the same time, so that its
        environment is deleted."""
        self._remember_closed(_deletion(environment), intent, now)
        if self.find(environment) is not None:
            raise errors.NotYetConsistentError(
                f"environment {environment}: it was created just now"
            )

    def _remember_closed(self, name: str, intent: Intent, now: datetime) -> None:
        known = self._closed(name)
        if known is not None and known >= intent:
            return
        before = "attribute_not_exists(#closed)" if known is None else "#closed = :before"
        values = {
            ":closed": {"S": json.dumps(intent.to_json())},
            ":removeAt": {"N": str(int((now + CLOSED_KEPT_FOR).timestamp()))},
        }
        if known is not None:
            values[":before"] = {"S": json.dumps(known.to_json())}
        self._update(
            name,
            "SET #closed = :closed, #removeAt = :removeAt",
            before,
            ("closed", "removeAt"),
            values,
            refusal=errors.NotYetConsistentError(f"{name}: told twice at the same time"),
        )

    def closed(self, repository: str, number: int) -> Intent | None:
        """When a pull request was last closed, as far as it is remembered."""
        return self._closed(_pull_request(repository, number))

    def deleted(self, environment: str) -> Intent | None:
        """When an environment was last deleted that had no record, as far as it is remembered."""
        return self._closed(_deletion(environment))

    def _closed(self, name: str) -> Intent | None:
        with translated(name):
            item = self.client.get_item(
                TableName=self.table_name, Key={"environment": {"S": name}}, ConsistentRead=True
            ).get("Item")
        return _closing(item) if item else None

    def closings(self, pull_requests: Mapping[str, tuple[str, int]]) -> dict[str, Intent]:
        """The same of many: by environment, of those whose pull request was closed."""
        keys = {name: _pull_request(*named) for name, named in pull_requests.items()}
        items = self._items(keys.values())
        return {name: _closing(items[key]) for name, key in keys.items() if key in items}

    def current(self, environment: str, generation: int) -> Record:
        """The record, if `generation` is still the current one.

        Every step asks this before it changes anything. Raises SupersededError, also where the
        record is too new: only who takes an environment writes the form."""
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

    def held(self, environment: str, generation: int) -> Blueprint:
        """The blueprint of the record, if `generation` is still the current one."""
        return Blueprint.from_json(self.current(environment, generation).content)

    def add_task_definitions(self, environment: str, generation: int, arns: Sequence[str]) -> None:
        """Remember revisions that were registered, so that the deletion need not look for them.

        Raises SupersededError where `generation` is no longer the current one."""
        self._update(
            environment,
            "ADD taskDefinitions :arns",
            "#generation = :generation",
            ["generation"],
            {":arns": {"SS": list(arns)}, ":generation": {"N": str(generation)}},
            refusal=_superseded(environment, generation),
        )

    def take(
        self, taken: Record, before: Record | Unreadable | None, forget: Sequence[str] = ()
    ) -> None:
        """Write `taken` unless another execution came first.

        What earlier executions found stays (H22), but for the details named in `forget`; of what
        cannot be read nothing stays.
        Raises NotYetConsistentError if another came first, so that the machine looks again."""
        blueprint = taken.content
        content: dict[str, Any] = {
            "form": {"N": str(FORM)},
            "generation": {"N": str(taken.generation)},
            "status": {"S": taken.status},
            "execution": {"S": taken.execution},
            "requestHash": {"S": taken.request_hash},
            "blueprint": {"S": taken.blueprint},
            "expiresAt": {"S": taken.expires_at},
            "settle": {"BOOL": taken.settle},
            "verb": {"S": taken.verb},
            "request": {"S": taken.request},
            "baseRequest": {"S": taken.base_request},
            "changes": {"S": text_of(service_changes.to_json(taken.changes))},
            "intents": {"S": _intents_text(taken.intents)},
            "officeHours": {"BOOL": taken.office_hours},
            "listed": {"S": LISTED},
            "onFailure": {"S": blueprint["on_failure"]},
            "triggers": {"S": json.dumps(blueprint["triggers"])},
            "owner": {"S": blueprint["tags"].get(OWNER_TAG, "")},
        }
        if taken.created_at:
            content["createdAt"] = {"S": taken.created_at}
        if isinstance(before, Unreadable):
            forget = [name for name in before.attributes if name not in (*content, "environment")]
        forget = list(dict.fromkeys((*forget, "untold")))
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in content)
        update += " REMOVE " + ", ".join(f"#{name}" for name in forget)
        condition, compared, values = _unchanged_since(before)
        self._update(
            taken.environment,
            update,
            condition,
            (*content, *forget, *compared),
            {**{f":{name}": value for name, value in content.items()}, **values},
            refusal=errors.NotYetConsistentError(
                f"environment {taken.environment}: another execution took it at the same time"
            ),
        )

    def extend(self, before: Record, expires_at: str, newest: Extension) -> None:
        """Give the lease this end, unless somebody wrote the record since it was read.

        Raises NotYetConsistentError if somebody did, so that the machine looks again."""
        self._change(before, expiresAt=expires_at, extension=_extension_text(newest))

    def remember(self, before: Record, intents: Mapping[str, Intent]) -> None:
        """Keep the newest intents of a record that nothing else changes of.

        Raises NotYetConsistentError as `extend` does."""
        self._change(before, intents=_intents_text(intents))

    def keep_changes(self, before: Record, changes: Changes) -> None:
        """Keep redeploys for a creation that is to come; nothing else changes.

        Raises NotYetConsistentError as `extend` does."""
        self._change(before, changes=json.dumps(service_changes.to_json(changes)))

    def _change(self, before: Record, **texts: str) -> None:
        condition, compared, values = _unchanged_since(before)
        self._update(
            before.environment,
            "SET " + ", ".join(f"#{name} = :{name}" for name in texts),
            f"{condition} AND #intents = :intentsBefore",
            (*texts, *compared, "intents"),
            {
                **values,
                ":intentsBefore": {"S": _intents_text(before.intents)},
                **{f":{name}": {"S": text} for name, text in texts.items()},
            },
            refusal=errors.NotYetConsistentError(
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
        """Set the status that an execution ends with and what it found, as JSON.

        What is READY makes its request the good one; what is DELETED is not listed any more.
        Raises SupersededError where `generation` is no longer the current one."""
        texts = {"status": str(status)} | {name: text_of(value) for name, value in details.items()}
        if expires_at is not None:
            texts["expiresAt"] = expires_at
        names = [*texts, "generation"]
        values: dict[str, Any] = {f":{name}": {"S": text} for name, text in texts.items()}
        assignments = [f"#{name} = :{name}" for name in texts]
        if status is Status.READY:
            assignments += ["goodBaseRequest = #baseRequest", "goodChanges = #changes"]
            names += ["baseRequest", "changes"]
        update = f"SET {', '.join(assignments)}"
        if status is Status.DELETED:
            update += " REMOVE listed, goodBaseRequest, goodChanges"
        self._update(
            environment,
            update,
            "#generation = :generation",
            names,
            {**values, ":generation": {"N": str(generation)}},
            refusal=_superseded(environment, generation),
        )

    def end(
        self, record: Record, status: Status, *, settle: bool | None = None, **details: Any
    ) -> None:
        """Set another status in an execution's stead, and what was found, as JSON.

        Raises SupersededError where anybody took or ended it since `record` was read."""
        values: dict[str, Any] = {"status": {"S": status}} | {
            name: {"S": text_of(value)} for name, value in details.items()
        }
        if settle is not None:
            values["settle"] = {"BOOL": settle}
        condition, before = _held_as(record)
        self._update(
            record.environment,
            "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            condition,
            (*values, "generation", "status"),
            {**{f":{name}": value for name, value in values.items()}, **before},
            refusal=errors.SupersededError(
                f"environment {record.environment}: generation {record.generation} is over, or is "
                f"{record.status} no longer"
            ),
        )

    def note_untold(self, environment: str, generation: int, detail_type: str) -> None:
        """Remember that nobody was told what the record says; listed, so that the sweep tells it.

        Raises SupersededError where `generation` is no longer the current one."""
        self._update(
            environment,
            "SET untold = :untold, listed = :listed",
            "#generation = :generation",
            ["generation"],
            {
                ":untold": {"S": json.dumps(detail_type)},
                ":listed": {"S": LISTED},
                ":generation": {"N": str(generation)},
            },
            refusal=_superseded(environment, generation),
        )

    def forget_untold(self, record: Record) -> None:
        """It was told. Raises SupersededError where anybody took or ended it since."""
        condition, values = _held_as(record)
        gone = "untold, listed" if record.status is Status.DELETED else "untold"
        self._update(
            record.environment,
            f"REMOVE {gone}",
            condition,
            ("generation", "status"),
            values,
            refusal=_superseded(record.environment, record.generation),
        )

    def _update(
        self,
        environment: str,
        update: str,
        condition: str,
        names: Iterable[str],
        values: dict[str, Any],
        *,
        refusal: errors.BivouacError,
    ) -> None:
        """Raises `refusal` where the condition does not hold. `names`: of every attribute that the
        expressions call #so."""
        with translated(f"record of {environment}"):
            try:
                self.client.update_item(
                    TableName=self.table_name,
                    Key={"environment": {"S": environment}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={f"#{name}": name for name in names},
                    ExpressionAttributeValues=values,
                )
            except self.client.exceptions.ConditionalCheckFailedException:
                raise refusal from None


def _see_form(item: Mapping[str, Any]) -> None:
    """Raises RecordTooNewError."""
    form = int(item["form"]["N"]) if "form" in item else 1
    if form > FORM:
        environment = item["environment"]["S"]
        raise errors.RecordTooNewError(
            f"the record of {environment} was written by a newer Bivouac: it has the form {form}, "
            f"and this one knows {FORM}. Update the stack, then try again"
        )


def _pull_request(repository: str, number: int) -> str:
    """The key of what is remembered of a pull request: no environment has such a name."""
    return f"pull request {repository}#{number}"


def _deletion(environment: str) -> str:
    """The key of what is remembered of an environment that was deleted and had no record."""
    return f"deletion of {environment}"


def _closing(item: Mapping[str, Any]) -> Intent:
    return Intent.from_json(json.loads(item["closed"]["S"]))


def _record(environment: str, item: Mapping[str, Any]) -> Record:
    """Raises RecordTooNewError."""
    _see_form(item)
    return Record(
        environment=environment,
        generation=int(item["generation"]["N"]),
        status=Status(item["status"]["S"]),
        execution=item["execution"]["S"],
        request_hash=item["requestHash"]["S"],
        blueprint=item["blueprint"]["S"],
        expires_at=item["expiresAt"]["S"],
        settle=item["settle"]["BOOL"],
        edges=item["edges"]["S"] if "edges" in item else "[]",
        expected=item["expected"]["S"] if "expected" in item else "[]",
        namespace_arn=json.loads(item["namespaceArn"]["S"]) if "namespaceArn" in item else "",
        task_definitions=tuple(item.get("taskDefinitions", {}).get("SS", ())),
        verb=Verb(item["verb"]["S"]),
        request=item["request"]["S"],
        base_request=item["baseRequest"]["S"],
        changes=service_changes.from_json(json.loads(item["changes"]["S"])),
        good_base_request=item["goodBaseRequest"]["S"] if "goodBaseRequest" in item else "",
        good_changes=service_changes.from_json(
            json.loads(item["goodChanges"]["S"]) if "goodChanges" in item else {}
        ),
        intents={
            matter: Intent.from_json(content)
            for matter, content in json.loads(item["intents"]["S"]).items()
        },
        failure=item["failure"]["S"] if "failure" in item else "",
        untold=json.loads(item["untold"]["S"]) if "untold" in item else "",
        receipt=json.loads(item["receipt"]["S"]) if "receipt" in item else {},
        extension=Extension.from_json(json.loads(item["extension"]["S"]))
        if "extension" in item
        else None,
        office_hours=item["officeHours"]["BOOL"] if "officeHours" in item else True,
        created_at=item["createdAt"]["S"] if "createdAt" in item else "",
        ready_at=json.loads(item["readyAt"]["S"]) if "readyAt" in item else "",
    )


def _summary(item: Mapping[str, Any]) -> Summary:
    """Of an item of either index."""
    return Summary(
        environment=item["environment"]["S"],
        generation=int(item["generation"]["N"]),
        status=Status(item["status"]["S"]),
        execution=item["execution"]["S"],
        expires_at=item["expiresAt"]["S"],
        verb=Verb(item["verb"]["S"]),
        on_failure=item["onFailure"]["S"],
        triggers=json.loads(item["triggers"]["S"]),
        owner=item["owner"]["S"] if "owner" in item else "",
        created_at=item["createdAt"]["S"] if "createdAt" in item else "",
        ready_at=json.loads(item["readyAt"]["S"]) if "readyAt" in item else "",
    )


def _understood(environment: str, item: Mapping[str, Any]) -> Record | Unreadable:
    try:
        record = _record(environment, item)
        Blueprint.from_json(record.content)
        times.moment(record.expires_at)
    except errors.RecordTooNewError as error:
        return _unreadable(environment, item, str(error), newer=True)
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        why = f"its record cannot be read: {type(error).__name__}: {error}"
        return _unreadable(environment, item, why)
    return record


def _unreadable(
    environment: str, item: Mapping[str, Any], why: str, *, newer: bool = False
) -> Unreadable:
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


def _extension_text(extension: Extension) -> str:
    return json.dumps(extension.to_json())


def _unchanged_since(
    before: Record | Unreadable | None,
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """The condition that nobody wrote the record after `before` was read, the attributes that it
    names, and its values."""
    if before is None:
        return "attribute_not_exists(#generation)", ("generation",), {}
    condition, values = _held_as(before)
    if isinstance(before, Unreadable):
        return condition, ("generation", "status"), values
    # An extension changes nothing else.
    compared = ("generation", "status", "expiresAt", "extension")
    condition += " AND #expiresAt = :expiresAtBefore AND "
    values[":expiresAtBefore"] = {"S": before.expires_at}
    if before.extension is None:
        return condition + "attribute_not_exists(#extension)", compared, values
    values[":extensionBefore"] = {"S": _extension_text(before.extension)}
    return condition + "#extension = :extensionBefore", compared, values


def _held_as(before: Record | Unreadable) -> tuple[str, dict[str, Any]]:
    """The condition that nobody took the environment, or ended with it, since."""
    return "#generation = :generationBefore AND #status = :statusBefore", {
        ":generationBefore": {"N": str(before.generation)},
        ":statusBefore": {"S": str(before.status)},
    }
