"""Cloud Map's namespaces, services and instances, and AWS's rules for them.

The ids in the docstrings are those of the failure-mode catalogue. Every public method is called
with the control plane's lock held.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from localcloud.account import Account, random_id
from localcloud.cloudmap import answers, errors
from localcloud.cloudmap.model import Instance, Namespace, OperationType, Service
from localcloud.cloudmap.operations import AsynchronousOperations
from localcloud.guarded_clock import GuardedClock
from localcloud.paging import InvalidTokenError, page
from localcloud.timings import Timings

NAMESPACES_PER_REGION = 50
"""The default quota (N06)."""
MANAGED_BY_ECS = "AmazonECSManaged"
"""The tag that ECS's service-linked role must set on what it creates, and by which it may
delete."""

CompletedCreations = Literal["EXISTS", "DUPLICATE", "DUPLICATE_WITHOUT_ID"]
"""The documentation has NamespaceAlreadyExists for an existing namespace. CloudFormation reported
(September 2026) another operation that has completed, as with DuplicateRequest; whether AWS also
returns its id, nobody has recorded."""

Request = dict[str, Any]
Answer = dict[str, Any]


class CloudMap:
    """The state of Cloud Map in one account and Region, and its operations."""

    def __init__(self, account: Account, clock: GuardedClock, timings: Timings) -> None:
        self._account = account
        self._clock = clock
        self._timings = timings
        self._order = itertools.count(1)
        self._namespaces: dict[str, Namespace] = {}
        self._shared: dict[str, Namespace] = {}
        """Namespaces of other accounts, by ARN."""
        self._services: dict[str, Service] = {}
        self._asynchronous = AsynchronousOperations(clock)
        self.completed_creations: CompletedCreations = "EXISTS"
        """What CreateHttpNamespace answers if the name is taken; set by a test."""
        self._names_ever_used: set[str] = set()
        self._service_ids: dict[tuple[str, str], str] = {}

    # --- for tests and for ECS ---------------------------------------------------------------

    def fail_next(self, operation: OperationType, code: str, message: str = "") -> None:
        """Accepts the next operation of this type and then lets it FAIL (N04, N14, D12)."""
        self._asynchronous.fail_next(operation, code, message)

    def share(self, name: str, owner: str) -> None:
        """Lets another account share one of its namespaces with this one.

        It is listed, and nothing else: that its tags cannot be read here is assumed."""
        namespace_id = f"ns-{random_id(16)}"
        arn = f"arn:aws:servicediscovery:{self._account.region}:{owner}:namespace/{namespace_id}"
        made = self._asynchronous.begin("CREATE_NAMESPACE", {"NAMESPACE": namespace_id})
        made.status = "SUCCESS"
        self._shared[arn] = Namespace(
            id=namespace_id,
            arn=arn,
            owner=owner,
            name=name,
            http_name=name,
            creator_request_id=random_id(32),
            description=None,
            created=self._clock.now(),
            tags={},
            creating=made,
        )

    def namespace_called(self, name: str) -> Namespace | None:
        """A namespace by name, including one that is still being created."""
        for namespace in self._namespaces.values():
            if namespace.name == name and namespace.creating.status != "FAIL":
                return namespace
        return None

    def namespace(self, identifier: str) -> Namespace | None:
        """An existing namespace, by id or ARN."""
        found = self._namespaces.get(identifier.rsplit("/", 1)[-1])
        return found if found is not None and found.exists else None

    def namespace_being_made(self, identifier: str) -> Namespace | None:
        """A namespace by id or ARN, including one that is still being created."""
        return self._namespaces.get(identifier.rsplit("/", 1)[-1])

    def create_namespace(
        self,
        name: str,
        creator_request_id: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Namespace:
        self._refuse_taken_name(name, creator_request_id)
        if len(self._namespaces) >= NAMESPACES_PER_REGION:
            raise errors.resource_limit_exceeded(
                f"The limit of {NAMESPACES_PER_REGION} namespaces in this Region is reached."
            )
        namespace_id = f"ns-{random_id(16)}"
        operation = self._asynchronous.begin("CREATE_NAMESPACE", {"NAMESPACE": namespace_id})
        namespace = Namespace(
            id=namespace_id,
            arn=self._account.arn("servicediscovery", f"namespace/{namespace_id}"),
            owner=self._account.account_id,
            name=name,
            http_name=f"{name}-{random_id(8)}" if name in self._names_ever_used else name,
            creator_request_id=creator_request_id,
            description=description,
            created=self._clock.now(),
            tags=dict(tags or {}),
            creating=operation,
        )
        self._names_ever_used.add(name)
        self._namespaces[namespace_id] = namespace

        def finished() -> None:
            if operation.status == "FAIL":
                del self._namespaces[namespace_id]

        self._asynchronous.run(operation, self._timings.namespace_operation, finished)
        return namespace

    def create_service_for(
        self,
        namespace: Namespace,
        name: str,
        creator_request_id: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Service:
        existing = self.service_named(namespace, name)
        if existing is not None:
            raise errors.service_already_exists(
                existing.id, existing.arn, existing.creator_request_id
            )
        # D13: a service that is deleted and created again under the same name keeps its old id.
        service_id = self._service_ids.setdefault((namespace.id, name), f"srv-{random_id(16)}")
        service = Service(
            id=service_id,
            arn=self._account.arn("servicediscovery", f"service/{service_id}"),
            name=name,
            namespace_id=namespace.id,
            creator_request_id=creator_request_id,
            description=description,
            created=self._clock.now(),
            order=next(self._order),
            tags=dict(tags or {}),
        )
        self._services[service_id] = service
        return service

    def service_named(self, namespace: Namespace, name: str) -> Service | None:
        for service in self._services_of(namespace):
            if service.name == name:
                return service
        return None

    def service(self, identifier: str) -> Service | None:
        return self._services.get(identifier.rsplit("/", 1)[-1])

    def put_instance(
        self, service: Service, instance_id: str, attributes: Mapping[str, str]
    ) -> None:
        """Registers an instance at once, which is how ECS's own registration looks from outside."""
        service.instances[instance_id] = Instance(instance_id, dict(attributes), random_id(32))
        service.revision += 1

    def drop_instance(self, service: Service, instance_id: str) -> None:
        """Deregisters an instance at once; a missing one counts as deregistered."""
        if service.instances.pop(instance_id, None) is not None:
            service.revision += 1

    def drop_service(self, service: Service) -> None:
        """Deletes a service as ECS does: only with ECS's tag, and only when it is empty."""
        if MANAGED_BY_ECS in service.tags and not service.instances:
            self._services.pop(service.id, None)

    # --- operations --------------------------------------------------------------------------

    def operations(self) -> dict[str, Callable[[Request], Answer]]:
        return {
            "CreateHttpNamespace": self.create_http_namespace,
            "CreateService": self.create_service,
            "DeleteNamespace": self.delete_namespace,
            "DeleteService": self.delete_service,
            "DeregisterInstance": self.deregister_instance,
            "DiscoverInstances": self.discover_instances,
            "GetInstance": self.get_instance,
            "GetNamespace": self.get_namespace,
            "GetOperation": self.get_operation,
            "GetService": self.get_service,
            "ListInstances": self.list_instances,
            "ListNamespaces": self.list_namespaces,
            "ListServices": self.list_services,
            "ListTagsForResource": self.list_tags_for_resource,
            "RegisterInstance": self.register_instance,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
        }

    def create_http_namespace(self, request: Request) -> Answer:
        namespace = self.create_namespace(
            request["Name"],
            request.get("CreatorRequestId") or random_id(32),
            request.get("Description"),
            _tags(request.get("Tags", [])),
        )
        return {"OperationId": namespace.creating.id}

    def delete_namespace(self, request: Request) -> Answer:
        namespace = self._existing_namespace(request["Id"])
        if namespace.deleting is not None and namespace.deleting.in_flight:
            raise errors.duplicate_request(
                namespace.deleting.id, "The operation is already in progress."
            )
        if any(self._services_of(namespace)):
            raise errors.resource_in_use(
                "Namespace has associated services; "
                "delete the services before deleting the namespace"
            )
        operation = self._asynchronous.begin("DELETE_NAMESPACE", {"NAMESPACE": namespace.id})
        namespace.deleting = operation

        def finished() -> None:
            if operation.status == "SUCCESS":
                del self._namespaces[namespace.id]

        self._asynchronous.run(operation, self._timings.namespace_operation, finished)
        return {"OperationId": operation.id}

    def get_namespace(self, request: Request) -> Answer:
        namespace = self._existing_namespace(request["Id"])
        count = sum(1 for _ in self._services_of(namespace))
        return {"Namespace": answers.namespace_detail(namespace, count)}

    def list_namespaces(self, request: Request) -> Answer:
        """Cut into pages first, filtered afterwards: more can follow an empty page (N08)."""
        existing = [namespace for namespace in self._namespaces.values() if namespace.exists]
        existing += self._shared.values()
        found, token = self._page(existing, lambda namespace: namespace.id, request)
        for condition in request.get("Filters", []):
            found = [item for item in found if _matches(condition, self._values_of(item))]
        return _with_token({"Namespaces": [answers.namespace_summary(n) for n in found]}, token)

    def create_service(self, request: Request) -> Answer:
        if "DnsConfig" in request or "HealthCheckConfig" in request:
            raise errors.invalid_input(
                "DnsConfig and HealthCheckConfig need a DNS namespace; "
                "the local cloud has HTTP namespaces only."
            )
        if "NamespaceId" not in request:
            raise errors.invalid_input("NamespaceId must be given.")
        service = self.create_service_for(
            self._existing_namespace(request["NamespaceId"]),
            request["Name"],
            request.get("CreatorRequestId") or random_id(32),
            request.get("Description"),
            _tags(request.get("Tags", [])),
        )
        return {"Service": answers.service_detail(service)}

    def get_service(self, request: Request) -> Answer:
        return {"Service": answers.service_detail(self._existing_service(request["Id"]))}

    def list_services(self, request: Request) -> Answer:
        """Cut into pages first and filtered afterwards, like ListNamespaces (N08)."""
        found, token = self._page(
            self._services.values(), lambda service: f"{service.order:012}", request
        )
        for condition in request.get("Filters", []):
            found = [item for item in found if _matches(condition, _service_values(item))]
        return _with_token({"Services": [answers.service_summary(s) for s in found]}, token)

    def delete_service(self, request: Request) -> Answer:
        service = self._existing_service(request["Id"])
        if service.instances:
            raise errors.resource_in_use(
                "Service contains registered instances; "
                "delete the instances before deleting the service"
            )
        del self._services[service.id]
        return {}

    def register_instance(self, request: Request) -> Answer:
        """Accepted for any service that exists now; FAILs if it is gone by then (D12)."""
        service = self._existing_service(request["ServiceId"])
        instance_id: str = request["InstanceId"]
        operation = self._asynchronous.begin(
            "REGISTER_INSTANCE", {"SERVICE": service.id, "INSTANCE": instance_id}
        )

        def finished() -> None:
            if self._services.get(service.id) is not service:
                operation.status = "FAIL"
                operation.error_code = "SERVICE_NOT_FOUND"
                operation.error_message = f"Service not found: {service.id}"
            elif operation.status == "SUCCESS":
                self.put_instance(service, instance_id, request["Attributes"])

        self._asynchronous.run(operation, self._timings.registration, finished)
        return {"OperationId": operation.id}

    def deregister_instance(self, request: Request) -> Answer:
        service = self._existing_service(request["ServiceId"])
        instance = self._existing_instance(service, request["InstanceId"])
        if instance.deregistering is not None and instance.deregistering.in_flight:
            raise errors.duplicate_request(
                instance.deregistering.id, "The operation is already in progress."
            )
        operation = self._asynchronous.begin(
            "DEREGISTER_INSTANCE", {"SERVICE": service.id, "INSTANCE": instance.id}
        )
        instance.deregistering = operation

        def finished() -> None:
            if operation.status == "SUCCESS":
                self.drop_instance(service, instance.id)

        self._asynchronous.run(operation, self._timings.registration, finished)
        return {"OperationId": operation.id}

    def get_instance(self, request: Request) -> Answer:
        service = self._existing_service(request["ServiceId"])
        instance = self._existing_instance(service, request["InstanceId"])
        return {"Instance": answers.instance_detail(instance)}

    def list_instances(self, request: Request) -> Answer:
        service = self._existing_service(request["ServiceId"])
        found, token = self._page(service.instances.values(), lambda item: item.id, request)
        return _with_token({"Instances": [answers.instance_summary(i) for i in found]}, token)

    def discover_instances(self, request: Request) -> Answer:
        """Looks for HttpName, which differs from Name if the name was used before (N10)."""
        namespace = next(
            (
                item
                for item in self._namespaces.values()
                if item.exists and item.http_name == request["NamespaceName"]
            ),
            None,
        )
        if namespace is None:
            raise errors.namespace_not_found(request["NamespaceName"])
        service = self.service_named(namespace, request["ServiceName"])
        if service is None:
            raise errors.service_not_found(request["ServiceName"])
        wanted = request.get("QueryParameters", {}).items()
        found = [
            {
                "InstanceId": instance.id,
                "NamespaceName": namespace.http_name,
                "ServiceName": service.name,
                "HealthStatus": "UNKNOWN",
                "Attributes": instance.attributes,
            }
            for instance in service.instances.values()
            if wanted <= instance.attributes.items()
        ]
        return {
            "Instances": found[: request.get("MaxResults", 100)],
            "InstancesRevision": service.revision,
        }

    def get_operation(self, request: Request) -> Answer:
        operation = self._asynchronous.operation(request["OperationId"])
        return {"Operation": answers.operation_detail(operation)}

    def tag_resource(self, request: Request) -> Answer:
        self._tagged(request["ResourceARN"]).tags.update(_tags(request["Tags"]))
        return {}

    def untag_resource(self, request: Request) -> Answer:
        resource = self._tagged(request["ResourceARN"])
        for key in request["TagKeys"]:
            resource.tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, request: Request) -> Answer:
        return {"Tags": answers.tag_list(self._tagged(request["ResourceARN"]).tags)}

    # --- within ------------------------------------------------------------------------------

    def _refuse_taken_name(self, name: str, creator_request_id: str) -> None:
        """N01 for an existing namespace, N02 and N03 for one that is being created."""
        taken = self.namespace_called(name)
        if taken is None:
            return
        operation = taken.creating
        if not operation.in_flight and self.completed_creations != "EXISTS":
            with_id = self.completed_creations == "DUPLICATE"
            raise errors.duplicate_request(
                operation.id if with_id else None,
                f"Another operation of type CreateHttpNamespace and id {operation.id} "
                "has completed",
            )
        if not operation.in_flight:
            raise errors.namespace_already_exists(taken.id, taken.creator_request_id)
        if taken.creator_request_id == creator_request_id:
            raise errors.duplicate_request(operation.id, "The operation is already in progress.")
        raise errors.duplicate_request(
            operation.id,
            f"Another operation of type CreateHttpNamespace and id {operation.id} is in progress",
        )

    def _existing_namespace(self, identifier: str) -> Namespace:
        found = self.namespace(identifier)
        if found is None:
            raise errors.namespace_not_found(identifier)
        return found

    def _existing_service(self, identifier: str) -> Service:
        found = self.service(identifier)
        if found is None:
            raise errors.service_not_found(identifier)
        return found

    def _existing_instance(self, service: Service, instance_id: str) -> Instance:
        if instance_id not in service.instances:
            raise errors.instance_not_found(instance_id)
        return service.instances[instance_id]

    def _services_of(self, namespace: Namespace) -> Iterable[Service]:
        return (item for item in self._services.values() if item.namespace_id == namespace.id)

    def _values_of(self, namespace: Namespace) -> dict[str, str]:
        ours = namespace.owner == self._account.account_id
        return {
            "TYPE": "HTTP",
            "NAME": namespace.name,
            "HTTP_NAME": namespace.http_name,
            "RESOURCE_OWNER": "SELF" if ours else "OTHER_ACCOUNTS",
        }

    def _tagged(self, arn: str) -> Namespace | Service:
        records: list[Namespace | Service] = [*self._namespaces.values(), *self._services.values()]
        for record in records:
            if record.arn == arn:
                return record
        raise errors.resource_not_found(arn)

    def _page(
        self, items: Iterable[Any], key: Callable[[Any], str], request: Request
    ) -> tuple[list[Any], str | None]:
        try:
            return page(items, key, request.get("MaxResults", 100), request.get("NextToken"))
        except InvalidTokenError as error:
            raise errors.invalid_input(f"NextToken is not one of ours: {error}") from error


def _with_token(answer: Answer, token: str | None) -> Answer:
    return answer if token is None else {**answer, "NextToken": token}


def _tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _service_values(service: Service) -> dict[str, str]:
    return {"NAMESPACE_ID": service.namespace_id, "RESOURCE_OWNER": "SELF"}


def _matches(condition: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    """One filter of a listing: EQ and BEGINS_WITH take one value, IN any number."""
    how, wanted = condition.get("Condition", "EQ"), condition["Values"]
    actual = values[condition["Name"]]
    if how == "IN":
        return actual in wanted
    if how not in ("EQ", "BEGINS_WITH") or len(wanted) != 1:
        raise errors.invalid_input(
            f"Filter {condition['Name']}: {how} with {len(wanted)} values is not supported."
        )
    return actual.startswith(wanted[0]) if how == "BEGINS_WITH" else bool(actual == wanted[0])
