"""Reads a request as people paste it: one form for planning, and what was read otherwise. Pure.

Entries of `services` may be input files, what `describe-services` answers, or CloudFormation's
properties; task definitions likewise. Reading what was read changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bivouac.aws import ecs_answers
from bivouac.environment import naming
from bivouac.json_types import Json
from bivouac.request.findings import Findings, moved
from bivouac.request.messages import FRAGMENT_LIMIT, canonical, fragment
from bivouac.request.reading import load_balancers, other_tools, whole_request
from bivouac.request.reading.forms import request_form, service_form
from bivouac.request.reading.merging import copied, inner, objects
from bivouac.request.reading.notation import Reader
from bivouac.request.rules import fargate_rules

_ARN = "arn:"
_CONNECT = "serviceConnectConfiguration"
_BESIDE = frozenset({"$schema", "failures", "nextToken", "ResponseMetadata"})
"""What editors need, and what stands beside the services in an answer of describe-services."""


def read(content: Any) -> tuple[Json | None, Reader]:
    """A request in one form, and what was read otherwise; None if it is no request at all."""
    reader = Reader()
    if problem := whole_request.problem(content):
        reader.problem("request", problem)
        return None, reader
    given = {name: value for name, value in content.items() if name not in _BESIDE}
    services = _key(given, "services")
    entries = given.pop(services, None)
    for name, unwrap in (("defaults", _unwrapped_service), ("cluster", _unwrapped_cluster)):
        key = _key(given, name)
        if key in given:
            given[key], _ = unwrap(reader, given[key], key, name)
    request: Json = reader.value(given, request_form(), "", "")
    if entries is not None:
        request["services"] = _services(reader, entries, services)
    # From here on, paths are those of the result.
    completed = Findings(places=reader.places)
    _complete(completed, request)
    reader.notes += moved(completed.notes, reader.places)
    reader.problems += moved(completed.problems, reader.places)
    return request, reader


def _key(given: Mapping[str, Any], name: str) -> str:
    """The key of a member in whatever notation; its own name if there is none."""
    if name in given:
        return name
    wanted, begins = name.lower(), name[0] + name[0].upper()
    for key in given:
        if key[:1] in begins and canonical(key) == wanted:
            return key
    return name


# --- wrappers ------------------------------------------------------------------------------------


def _services(reader: Reader, entries: Any, at: str) -> Any:
    entries = reader.parsed(entries, request_form().members["services"], at)
    if at != "services":
        reader.places["services"] = at
        reader.problem(at, "the field is services")
    if not isinstance(entries, list):
        return copied(entries)
    found: list[Any] = []
    for index, entry in enumerate(entries):
        if entry is None:
            reader.note("dropped", f"{at}[{index}]", "empty")
            continue
        for given, here in _unwrapped(reader, entry, f"{at}[{index}]"):
            there = f"services[{len(found)}]"
            service, where = _unwrapped_service(reader, given, here, there)
            if where != there:
                reader.places[there] = where
            found.append(reader.value(service, service_form(), where, there))
    return found


def _unwrapped(reader: Reader, entry: Any, at: str) -> Iterator[tuple[Any, str]]:
    """The services of an entry: describe-services answers several at once."""
    entry = reader.parsed(entry, service_form(), at)
    key = _key(entry, "services") if isinstance(entry, dict) else ""
    if key and isinstance(several := entry.get(key), list):
        _drop_beside(reader, entry, key, at)
        for index, each in enumerate(several):
            yield each, f"{at}.{key}[{index}]"
    else:
        yield entry, at


def _unwrapped_service(reader: Reader, given: Any, at: str, to: str) -> tuple[Any, str]:
    """A service, and the path where it stands, with what ECS describes elsewhere in its place."""
    given = reader.parsed(given, service_form(), at)
    given, at = _within(reader, given, "service", at)
    if not isinstance(given, dict):
        return given, at
    if found := other_tools.described(given):
        whose, given = found
        reader.problem(at, f"{whose}; write ECS's: {fragment(given)}")
        reader.unreadable.append(at)
    given = dict(given)
    if _key(given, "containerDefinitions") in given:
        given = _with_definition(reader, given, at, to)
    key = _key(given, "taskDefinition")
    if key in given:
        _place_definition(reader, given, key, f"{at}.{key}", f"{to}.taskDefinition")
    cluster = given.pop("clusterArn", None)
    if isinstance(cluster, str) and "cluster" not in given:
        given["cluster"] = cluster
        reader.places[f"{to}.cluster"] = f"{at}.clusterArn"
    if _CONNECT not in given:
        _take_over_deployment(reader, given, at, to)
    return given, at


def _with_definition(reader: Reader, given: Json, at: str, to: str) -> Json:
    """A service in whose place a task definition stands, or among whose fields its fields do."""
    form = service_form()
    definition = form.members["taskDefinition"]
    known = {canonical(each) for each in (*definition.members, *definition.read_only)}
    others = {canonical(each) for each in form.members}
    within = {name: each for name, each in given.items() if canonical(name) in known - others}
    family = within.get(_key(within, "family"))
    named = {"serviceName": family} if isinstance(family, str) else {}
    service = named | {name: each for name, each in given.items() if name not in within}
    if _key(service, "taskDefinition") in service or _key(service, "primaryContainer") in service:
        return given
    service["taskDefinition"] = within
    corrected = fragment(service)
    hint = corrected if len(corrected) <= FRAGMENT_LIMIT else '"taskDefinition" around its fields'
    reader.problem(at, f"a task definition is only a part of a service; write {hint}")
    reader.places[f"{to}.taskDefinition"] = at
    return service


def _unwrapped_cluster(reader: Reader, given: Any, at: str, _to: str) -> tuple[Any, str]:
    if isinstance(given, dict) and isinstance(several := given.get("clusters"), list) and several:
        _drop_beside(reader, given, "clusters", at)
        return several[0], f"{at}.clusters[0]"
    return _within(reader, given, "cluster", at)


def _place_definition(reader: Reader, service: Json, key: str, at: str, to: str) -> None:
    """A definition without its wrapper, and with what stands beside it there."""
    form = service_form().members["taskDefinition"]
    wrapper = reader.parsed(service[key], form, at)
    given, here = _within(reader, wrapper, "taskDefinition", at)
    given = reader.parsed(given, form, here)
    if here != at:
        reader.places[to] = here
        if isinstance(given, dict) and wrapper.get("tags"):
            reader.places[f"{to}.tags"] = f"{at}.tags"
            given = {"tags": wrapper["tags"], **given}
    if isinstance(given, list) and given and all(map(_is_container, given)):
        reader.places[f"{to}.containerDefinitions"] = here
        given = fargate_rules.task_of(given)
        size = f"cpu {given['cpu']} and memory {given['memory']}" if "cpu" in given else "no size"
        reader.note("takenOver", here, f"as the containerDefinitions of a task with {size}")
    service[key] = given


def _is_container(given: Any) -> bool:
    return isinstance(given, dict) and _key(given, "image") in given


def _within(reader: Reader, given: Any, wrapper: str, at: str) -> tuple[Any, str]:
    """What a command's answer, or a resource of CloudFormation's, wraps."""
    if isinstance(given, dict):
        for key in (_key(given, wrapper), "Properties"):
            if isinstance(wrapped := given.get(key), dict):
                _drop_beside(reader, given, key, at)
                return wrapped, f"{at}.{key}"
    return given, at


def _drop_beside(reader: Reader, given: Json, wrapper: str, at: str) -> None:
    for key, value in given.items():
        if key not in (wrapper, "tags") and value:
            reader.note("dropped", f"{at}.{key}", "stands around what is used")


def _take_over_deployment(reader: Reader, service: Json, at: str, to: str) -> None:
    """describe-services has the Service Connect configuration in the deployments (ECS API:
    Deployment)."""
    for index, each in enumerate(objects(service.get("deployments"))):
        if not ecs_answers.is_primary(each):
            continue
        for name in (_CONNECT, "volumeConfigurations"):
            if each.get(name):
                where = f"{at}.deployments[{index}].{name}"
                service[name] = each[name]
                reader.places[f"{to}.{name}"] = where
                reader.note("takenOver", where, f"as the service's {name}")


# --- what ECS has in several places, and an environment once -------------------------------------


Part = tuple[Json, str]
"""The defaults or a service, with its path."""


def _complete(found: Findings, request: Json) -> None:
    services = request.get("services")
    if not isinstance(services, list) or not all(isinstance(each, dict) for each in services):
        return
    defaults = inner(request, "defaults")
    parts = [(each, f"services[{index}]") for index, each in enumerate(services)]
    everywhere = [(defaults, "defaults"), *parts]
    for part, path in everywhere:
        _merge_tags(found, part, path)
        _drop_alarms_that_are_off(found, part, path)
    for part, path in parts:
        if _CONNECT not in {**defaults, **part}:
            _make_room_for_the_proxy(found, part, path)
    _one_namespace(found, request, everywhere)
    _aliases_in_lower_case(found, request, everywhere)
    _one_cluster(found, parts)
    load_balancers.replace(found, defaults, parts)


def _merge_tags(found: Findings, service: Json, path: str) -> None:
    """A definition's tags become the service's, which the definition gets, too."""
    definition, own = inner(service, "taskDefinition"), service.get("tags", [])
    given: Any = definition.get("tags")
    if _are_tags(own) and _are_tags(given):
        named = {tag["key"] for tag in own}
        own = [*own, *(tag for tag in given if tag["key"] not in named)]
        service["tags"] = own
        del definition["tags"]
        if given:
            found.note("takenOver", f"{path}.taskDefinition.tags", "as tags of the service")
    if _are_tags(own):
        prefixes = naming.RESERVED_TAG_PREFIXES
        reserved = [tag for tag in own if tag["key"].lower().startswith(prefixes)]
        for tag in reserved:
            found.note("dropped", f"{path}.tags", f"{tag['key']} is reserved")
        if reserved:
            service["tags"] = [tag for tag in own if tag not in reserved]


def _are_tags(given: Any) -> bool:
    return isinstance(given, list) and all(
        isinstance(tag, dict) and isinstance(tag.get("key"), str) for tag in given
    )


def _drop_alarms_that_are_off(found: Findings, service: Json, path: str) -> None:
    """ECS describes them in every service (recorded: Service.deploymentConfiguration)."""
    deployment = inner(service, "deploymentConfiguration")
    if inner(deployment, "alarms").get("enable") is False:
        del deployment["alarms"]
        found.note("dropped", f"{path}.deploymentConfiguration.alarms", "they are off")


def _make_room_for_the_proxy(found: Findings, service: Json, path: str) -> None:
    """Where a service says nothing of Service Connect, it gets its proxy. A container's limit that
    is the whole task's says nothing besides, and would leave the proxy no room."""
    definition = inner(service, "taskDefinition")
    for index, container in enumerate(objects(definition.get("containerDefinitions"))):
        if fargate_rules.is_whole_task(container, definition):
            del container["memory"]
            where = f"{path}.taskDefinition.containerDefinitions[{index}].memory"
            found.note("dropped", where, "all of the task's, of which the proxy needs a part")


def _one_namespace(found: Findings, request: Json, parts: list[Part]) -> None:
    """Takes over the namespace that all services name, if the request itself names none."""
    named: dict[str, Json] = {}
    for part, path in parts:
        connect, where = inner(part, _CONNECT), f"{path}.{_CONNECT}.namespace"
        name = connect.get("namespace")
        if isinstance(name, str) and name.startswith(_ARN):
            found.note("replaced", where, "an ARN; the environment's own namespace is used")
            del connect["namespace"]
        elif isinstance(name, str):
            named[where] = connect
    if "namespace" in request or not named:
        return
    names = sorted({connect["namespace"] for connect in named.values()})
    if len(names) > 1:
        found.problem(
            "services",
            f"they are in different namespaces ({', '.join(names)}), and an environment has one; "
            f'leave namespace out in the services, and write "namespace": "{names[0]}" beside '
            "them, or make an environment for each",
        )
    else:
        request["namespace"] = names[0]
        found.places["namespace"] = next(iter(named))
        for where in named:
            found.note("takenOver", where, "as the environment's namespace")
    for connect in named.values():
        del connect["namespace"]


def _aliases_in_lower_case(found: Findings, request: Json, parts: list[Part]) -> None:
    """A namespace may have capitals; a client alias, whose default ends in it, may not (ECS API:
    ServiceConnectClientAlias)."""
    namespace = request.get("namespace")
    if not isinstance(namespace, str) or namespace == namespace.lower():
        return
    for part, path in parts:
        for index, service in enumerate(objects(inner(part, _CONNECT).get("services"))):
            name = service.get("discoveryName", service.get("portName"))
            for number, alias in enumerate(objects(service.get("clientAliases"))):
                if "dnsName" not in alias and isinstance(name, str):
                    alias["dnsName"] = f"{name}.{namespace}".lower()
                    where = f"{path}.{_CONNECT}.services[{index}].clientAliases[{number}].dnsName"
                    found.note("replaced", where, f"in lower case: {alias['dnsName']}")


def _one_cluster(found: Findings, parts: list[Part]) -> None:
    named = {path: part["cluster"] for part, path in parts if isinstance(part.get("cluster"), str)}
    clusters = sorted({name.rpartition("/")[2] for name in named.values()})
    if len(clusters) > 1:
        found.problem(
            "services",
            f"they are in different clusters ({', '.join(clusters)}), and an environment has "
            "one; leave cluster out, or make an environment for each",
        )
