"""Creates, changes, describes and deletes services; the scheduler handles their tasks."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.account import Account
from localcloud.ecs import answers, errors, name_rules, service_rules
from localcloud.ecs.clusters import Clusters
from localcloud.ecs.listing import described, find, one_page
from localcloud.ecs.model import Cluster, Deployment, Service, ServiceConnect, TaskDefinition
from localcloud.ecs.roles import require_service_linked_role
from localcloud.ecs.scheduler import ServiceScheduler
from localcloud.ecs.service_connect import ServiceConnectPlane
from localcloud.ecs.task_definitions import TaskDefinitions
from localcloud.guarded_clock import GuardedClock
from localcloud.network import Network

Request = dict[str, Any]
Answer = dict[str, Any]

MOST_DESCRIBED = 10
STARTS_A_DEPLOYMENT = (
    "taskDefinition",
    "serviceConnectConfiguration",
    "networkConfiguration",
    "platformVersion",
    "capacityProviderStrategy",
)
"""UpdateService members that start a deployment; desiredCount alone does not (S19)."""


class Services:
    """Called with the control plane's lock held."""

    def __init__(
        self,
        account: Account,
        clock: GuardedClock,
        clusters: Clusters,
        task_definitions: TaskDefinitions,
        connect: ServiceConnectPlane,
        network: Network,
        scheduler: ServiceScheduler,
    ) -> None:
        self._account = account
        self._clock = clock
        self._clusters = clusters
        self._task_definitions = task_definitions
        self._connect = connect
        self._network = network
        self._scheduler = scheduler

    def operations(self) -> dict[str, Callable[[Request], Answer]]:
        return {
            "CreateService": self.create,
            "DeleteService": self.delete,
            "DescribeServices": self.describe,
            "ListServices": self.list_page,
            "ListServicesByNamespace": self.list_by_namespace,
            "UpdateService": self.update,
        }

    def create(self, request: Request) -> Answer:
        name_rules.check_name("Service name", request["serviceName"])
        name_rules.check_client_token(request.get("clientToken", "-"))
        name_rules.check_tags(request.get("tags", []))
        service_rules.check_supported(request)
        cluster = self._clusters.active(request.get("cluster"))
        if self._clock.now() < cluster.visible_at:
            raise errors.cluster_not_found()  # C08
        repeated = _repeated(cluster.services.get(request["serviceName"]), request)
        if repeated is not None:
            return {"service": answers.service(repeated, with_tags=True)}
        require_service_linked_role(self._account)
        definition = self._task_definition(request)
        strategy = _strategy(request, cluster)
        self._check_placement(request, cluster, definition, strategy)
        connect = self._completed_connect(request, cluster, definition)
        service = self._new(request, cluster, definition, strategy, connect)
        cluster.services[service.name] = service
        self._scheduler.begin_deployment(service)
        return {"service": answers.service(service, with_tags=True)}

    def update(self, request: Request) -> Answer:
        service_rules.check_supported(request)
        cluster = self._clusters.active(request.get("cluster"))
        service = self._existing(cluster, request["service"], refusal="")
        if service.status != "ACTIVE":
            raise errors.service_not_active()  # S17
        before = service.primary
        definition = before.task_definition
        if "taskDefinition" in request:
            definition = self._task_definition(request)
        effective = _effective(service, request)
        strategy = request.get("capacityProviderStrategy", service.capacity_provider_strategy)
        self._check_placement(effective, cluster, definition, strategy)
        connect = before.connect_configuration
        if "serviceConnectConfiguration" in request or connect is not None:
            connect = self._completed_connect(effective, cluster, definition, service)
        if before.connect is not None:
            ports = [endpoint.ingress.port_name for endpoint in before.connect.endpoints]
            service_rules.check_ports_unchanged(
                service.arn, before.task_definition, definition, ports
            )
        configuration = _deployment_configuration(request, service.deployment_configuration)
        rebalancing = request.get("availabilityZoneRebalancing", service.zone_rebalancing)
        service_rules.check_zone_rebalancing(rebalancing, configuration, "updated")
        service.deployment_configuration = configuration
        service.zone_rebalancing = rebalancing
        service.desired_count = request.get("desiredCount", service.desired_count)
        service.network_configuration = self._network_configuration(effective)
        service.platform_version = request.get("platformVersion", service.platform_version)
        service.capacity_provider_strategy = strategy
        service.managed_tags = request.get("enableECSManagedTags", service.managed_tags)
        service.propagate_tags = request.get("propagateTags", service.propagate_tags)
        service.execute_command = request.get("enableExecuteCommand", service.execute_command)
        service.steady = False
        if request.get("forceNewDeployment") or any(m in request for m in STARTS_A_DEPLOYMENT):
            # Nothing is desired of it yet, and its predecessor keeps its tasks (recorded in 2026).
            service.deployments.insert(0, self._deployment(service, definition, connect))
            self._scheduler.begin_deployment(service)
        else:
            service.primary.desired_count = service.desired_count
            self._scheduler.begin(service)
        return {"service": answers.service(service, with_tags=True)}

    def delete(self, request: Request) -> Answer:
        cluster = self._clusters.known(request.get("cluster"))
        service = self._existing(cluster, request["service"])
        if service.status == "INACTIVE":
            raise errors.service_not_found()  # D04
        if service.status == "ACTIVE":
            if not request.get("force"):
                _refuse_running(service)
            service.status, service.desired_count = "DRAINING", 0
            for deployment in service.deployments:
                deployment.desired_count = 0
            self._scheduler.drain(service)
        return {"service": answers.service(service, with_tags=True)}

    def describe(self, request: Request) -> Answer:
        cluster = self._clusters.known(request.get("cluster"))
        with_tags = "TAGS" in request.get("include", [])
        return described(
            "services",
            request["services"],
            cluster.services,
            lambda service: answers.service(service, with_tags=with_tags),
            lambda name: self._account.arn("ecs", f"service/{cluster.name}/{name}"),
            most=MOST_DESCRIBED,
        )

    def list_page(self, request: Request) -> Answer:
        """Omits services that are DRAINING or INACTIVE (S02)."""
        cluster = self._clusters.active(request.get("cluster"))
        arns = [
            service.arn
            for service in cluster.services.values()
            if service.status == "ACTIVE"
            and request.get("launchType") in (None, service.launch_type)
            and request.get("schedulingStrategy") in (None, "REPLICA")
        ]
        return one_page("serviceArns", arns, request, default=10)

    def list_by_namespace(self, request: Request) -> Answer:
        namespace = self._connect.existing_namespace(request["namespace"])
        arns = [
            service.arn
            for cluster in self._clusters.all()
            for service in cluster.services.values()
            if service.status == "ACTIVE"
            and service.connect is not None
            and service.connect.namespace_id == namespace.id
        ]
        return one_page("serviceArns", arns, request, default=10)

    def passed_roles(self, request: Request) -> list[str]:
        """The roles that a CreateService or UpdateService gives to tasks: those of the definition
        that it names, or else of the running one; none if there is no such definition.

        The Service Authorization Reference has iam:PassRole for both. An update of only the count
        was seen to pass without (https://github.com/keidarcy/e1s/issues/429, 2026)."""
        if "service" in request and request.keys() <= {"cluster", "service", "desiredCount"}:
            return []
        try:
            if "taskDefinition" in request:
                definition = self._task_definitions.find(request["taskDefinition"])
            else:
                cluster = self._clusters.active(request.get("cluster"))
                definition = self._existing(cluster, request["service"]).primary.task_definition
        except errors.EcsError:
            return []  # the operation reports the problem
        members = definition.definition if definition else {}
        named = (members.get("taskRoleArn"), members.get("executionRoleArn"))
        return [role for role in named if role]

    # --- within ------------------------------------------------------------------------------

    def _existing(
        self, cluster: Cluster, identifier: str, refusal: str = "Service not found."
    ) -> Service:
        found = find(cluster.services, identifier)
        if found is None:
            raise errors.service_not_found(refusal)
        return found

    def _task_definition(self, request: Request) -> TaskDefinition:
        if "taskDefinition" not in request:
            raise errors.client_error("TaskDefinition can not be blank.")
        return self._task_definitions.usable(request["taskDefinition"])

    def _check_placement(
        self,
        request: Request,
        cluster: Cluster,
        definition: TaskDefinition,
        strategy: list[dict[str, Any]],
    ) -> None:
        service_rules.check_arguments(request)
        service_rules.check_launch(request, cluster.capacity_providers)
        service_rules.check_deployment_configuration(request.get("deploymentConfiguration", {}))
        fargate = request.get("launchType") == "FARGATE" or bool(strategy)
        service_rules.check_compatibility(request, definition, fargate=fargate)
        configuration = request.get("networkConfiguration", {}).get("awsvpcConfiguration")
        if configuration is not None:
            self._check_network(configuration)

    def _check_network(self, configuration: Mapping[str, Any]) -> None:
        """S15: EC2's own answer, wrapped."""
        for subnet in self._network.missing_subnets(configuration["subnets"]):
            raise errors.invalid_parameter(
                f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' "
                "does not exist (ErrorCode: InvalidSubnetID.NotFound)"
            )
        groups = configuration.get("securityGroups", [])
        for group in self._network.missing_security_groups(groups):
            raise errors.invalid_parameter(
                f"Error retrieving security group information for [{group}]: The security group "
                f"'{group}' does not exist (ErrorCode: InvalidGroup.NotFound)"
            )

    def _completed_connect(
        self,
        request: Request,
        cluster: Cluster,
        definition: TaskDefinition,
        owner: Service | None = None,
    ) -> dict[str, Any] | None:
        """Checked in full before anything is created; `owner` keeps its own names."""
        configuration = request.get("serviceConnectConfiguration")
        if configuration is None:
            return None
        service_rules.check_service_connect(configuration, definition, request)
        completed = self._connect.completed(configuration, cluster.namespace_arn)
        if completed["enabled"]:
            self._connect.check_free(completed, owner.id if owner is not None else None)
        return completed

    def _new(
        self,
        request: Request,
        cluster: Cluster,
        definition: TaskDefinition,
        strategy: list[dict[str, Any]],
        connect: dict[str, Any] | None,
    ) -> Service:
        name = request["serviceName"]
        launch_type = None if strategy else request.get("launchType", "EC2")
        fargate = launch_type == "FARGATE" or bool(strategy)
        configuration = _deployment_configuration(request, {})
        service = Service(
            id=str(uuid.uuid4()),
            name=name,
            arn=self._account.arn("ecs", f"service/{cluster.name}/{name}"),
            cluster=cluster,
            request=request,
            desired_count=request.get("desiredCount", 0),
            launch_type=launch_type,
            capacity_provider_strategy=strategy,
            platform_version=request.get("platformVersion", "LATEST") if fargate else None,
            deployment_configuration=configuration,
            zone_rebalancing=service_rules.zone_rebalancing(request, configuration),
            network_configuration=self._network_configuration(request),
            role_arn=self._account.service_linked_role_arn,
            created_at=self._clock.now(),
            created_by=self._account.caller_arn,
            tags={tag["key"]: tag["value"] for tag in request.get("tags", [])},
            managed_tags=request.get("enableECSManagedTags", False),
            propagate_tags=request.get("propagateTags", "NONE"),
            execute_command=request.get("enableExecuteCommand", False),
            deployments=[],
        )
        service.deployments.append(self._deployment(service, definition, connect))
        service.primary.desired_count = service.desired_count
        return service

    def _deployment(
        self, service: Service, definition: TaskDefinition, connect: dict[str, Any] | None
    ) -> Deployment:
        """A deployment that begins now, which fixes what its tasks will resolve."""
        now = self._clock.now()
        deployment_id = f"ecs-svc/{secrets.randbelow(9 * 10**18) + 10**18}"
        made: ServiceConnect | None = None
        if connect is not None and connect["enabled"]:
            made = self._connect.connect(connect, definition, service)
        version = service.platform_version
        return Deployment(
            id=deployment_id,
            task_definition=definition,
            created_at=now,
            updated_at=now,
            launch_type=service.launch_type,
            capacity_provider_strategy=service.capacity_provider_strategy,
            platform_version=service_rules.CURRENT_PLATFORM_VERSION
            if version == "LATEST"
            else version,
            network_configuration=service.network_configuration,
            connect_configuration=connect,
            connect=made,
            visible_aliases=self._connect.visible_aliases(made.namespace_id, service.id)
            if made
            else (),
            rollout_reason=f"ECS deployment {deployment_id} in progress.",
        )

    def _network_configuration(self, request: Request) -> dict[str, Any] | None:
        configuration = request.get("networkConfiguration", {}).get("awsvpcConfiguration")
        if configuration is None:
            return None
        groups = configuration.get("securityGroups") or [self._network.default_security_group()]
        return {
            "awsvpcConfiguration": {
                "subnets": sorted(configuration["subnets"]),
                "securityGroups": groups,
                "assignPublicIp": configuration.get("assignPublicIp", "DISABLED"),
            }
        }


def _repeated(existing: Service | None, request: Request) -> Service | None:
    """The service that a repeated request names; None if the name is free.

    S01: only an equal clientToken with equal arguments is a repetition. S02: a name is not free
    while its last service is DRAINING.
    """
    if existing is None or existing.status == "INACTIVE":
        return None
    if existing.status == "DRAINING":
        raise errors.invalid_parameter("Unable to Start a service that is still Draining.")
    if "clientToken" in request and request == existing.request:
        return existing
    raise errors.invalid_parameter("Creation of service was not idempotent.")


def _strategy(request: Request, cluster: Cluster) -> list[dict[str, Any]]:
    """The cluster's default strategy if the request does not say where to run."""
    if "launchType" in request:
        return []
    strategy = request.get("capacityProviderStrategy", cluster.default_strategy)
    return [{"weight": 0, "base": 0, **item} for item in strategy]


def _effective(service: Service, request: Request) -> Request:
    """UpdateService's arguments merged into the service's, to be checked as one request."""
    effective: Request = {
        "desiredCount": service.desired_count,
        "enableExecuteCommand": service.execute_command,
        "deploymentConfiguration": service.deployment_configuration,
    }
    if service.launch_type is not None and "capacityProviderStrategy" not in request:
        effective["launchType"] = service.launch_type
    if service.platform_version is not None:
        effective["platformVersion"] = service.platform_version
    if service.network_configuration is not None:
        effective["networkConfiguration"] = service.network_configuration
    if service.primary.connect_configuration is not None:
        effective["serviceConnectConfiguration"] = service.primary.connect_configuration
    return {**effective, **request}


def _deployment_configuration(request: Request, before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        **before,
        **request.get("deploymentConfiguration", {}),
    }


def _refuse_running(service: Service) -> None:
    if service.desired_count > 0:  # D01
        raise errors.invalid_parameter("The service cannot be stopped while it is scaled above 0.")
    if len(service.deployments) > 1 or any(task.live for task in service.tasks):  # D02
        raise errors.invalid_parameter(
            "The service cannot be stopped while deployments are active."
        )
