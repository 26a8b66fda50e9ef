"""Deploys templates: creates every resource after those that it needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from localcloud.awslambda.function import Function
from localcloud.template.deletion import delete
from localcloud.template.errors import StackUpdateError, TemplateError
from localcloud.template.intrinsics import Intrinsics
from localcloud.template.makers import NOT_MADE, Cloud, Deployed, Made, Request, Wanted, handlers_of
from localcloud.template.parameters import checked_parameters, value_of
from localcloud.template.physical_ids import PhysicalId, physical_id
from localcloud.template.source import Source, read_template
from localcloud.template.updating import Transition, require_same_types


@dataclass(frozen=True)
class Stack:
    """The result of a deployment."""

    id: str
    """Its ARN."""
    name: str
    parameters: Mapping[str, str]
    resources: Mapping[str, str]
    """Logical id -> physical id (the value of `Ref`)."""
    types: Mapping[str, str]
    """Logical id -> CloudFormation type."""
    outputs: Mapping[str, str]
    functions: Mapping[str, Function]
    """Logical id -> function."""

    def arn(self, logical_id: str) -> str:
        """The ARN of a resource whose `Ref` is a name or an ARN."""
        return self.arns[logical_id]

    arns: Mapping[str, str] = field(default_factory=dict)
    deployed: dict[str, Deployed] = field(default_factory=dict)
    """Logical id -> resource, in order of creation. A deletion deletes these, and removes them one
    by one."""
    left_behind: Mapping[str, str] = field(default_factory=dict)
    """Logical id -> why the clean-up of the last update could not delete it: it stays in the
    account, and CloudFormation forgets it."""


class Deployer:
    """Deploys templates to one account and Region, and keeps its stacks."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._stacks: dict[str, Stack] = {}

    def deploy(self, path: Path, parameters: Mapping[str, str], name: str) -> Stack:
        """Raises TemplateError after deleting whatever was created until then."""
        if name in self._stacks:
            raise TemplateError(f"Stack [{name}] already exists")
        deployment = self._prepared(path, parameters, name, {})
        try:
            stack = deployment.run()
        except TemplateError as error:
            if left := deployment.transition.roll_back():
                raise TemplateError(f"{error}; rolling back: {left}") from error
            raise
        self._stacks[name] = stack
        return stack

    def update(
        self,
        stack: Stack,
        path: Path,
        parameters: Mapping[str, str],
        report: Callable[[str], None],
    ) -> Stack:
        """`report` is called with each status of the stack. Parameters that are not given keep
        their values. Raises StackUpdateError after the roll-back, or a plain TemplateError if
        nothing was touched."""
        before = dict(stack.deployed)
        deployment = self._prepared(path, parameters, stack.name, before, stack.parameters)
        report("UPDATE_IN_PROGRESS")
        try:
            updated = deployment.run()
        except TemplateError as error:
            report("UPDATE_ROLLBACK_IN_PROGRESS")
            try:
                left = deployment.transition.roll_back()
            except TemplateError as worse:
                message = f"{error}; rolling back: {worse}"
                raise StackUpdateError(message, "UPDATE_ROLLBACK_FAILED") from error
            stack.deployed.update(before)
            message = f"{error}; not cleaned up: {left}" if left else str(error)
            raise StackUpdateError(message, "UPDATE_ROLLBACK_COMPLETE") from error
        report("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        updated = replace(updated, left_behind=deployment.transition.clean_up())
        self._stacks[stack.name] = updated
        return updated

    def _prepared(
        self,
        path: Path,
        parameters: Mapping[str, str],
        name: str,
        before: dict[str, Deployed],
        known: Mapping[str, str] | None = None,
    ) -> _Deployment:
        """Raises TemplateError for what CloudFormation refuses at once."""
        source = read_template(path)
        declared = source.document.get("Parameters", {})
        kept = {key: value for key, value in (known or {}).items() if key in declared}
        values = checked_parameters(declared, {**kept, **parameters})
        document = source.translated(values, self._cloud.region)
        types = {key: one["Type"] for key, one in document["Resources"].items()}
        require_same_types(before, types)
        return _Deployment(
            self._cloud, name, document, values, source, before, self._physical_ids()
        )

    def delete(self, stack: Stack) -> None:
        """Raises StackDeletionError."""
        delete(self._cloud, stack.deployed)
        del self._stacks[stack.name]

    def _physical_ids(self) -> dict[PhysicalId, str]:
        """Physical ids of all stacks -> the id of the stack."""
        return {
            found: stack.id
            for stack in self._stacks.values()
            for one in stack.deployed.values()
            if (found := physical_id(one.type, one.request.properties))
        }


class _Deployment:
    """One run. Also resolves the names that the template's functions refer to."""

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        document: dict[str, Any],
        parameters: dict[str, str],
        source: Source,
        before: dict[str, Deployed],
        taken: dict[PhysicalId, str],
    ) -> None:
        self._name = name
        self._resources: dict[str, dict[str, Any]] = document["Resources"]
        self._outputs: dict[str, dict[str, Any]] = document.get("Outputs", {})
        self._declared: dict[str, dict[str, Any]] = document.get("Parameters", {})
        self._parameters = parameters
        self._source = source
        self._intrinsics = Intrinsics(
            self, document.get("Conditions", {}), document.get("Mappings", {})
        )
        self._made: dict[str, Made] = {}
        self._needs: dict[str, set[str]] = defaultdict(set)
        self._in_progress: list[str] = []
        self._pseudo: dict[str, Any] = {
            "AWS::AccountId": cloud.account_id,
            "AWS::Region": cloud.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": name,
            "AWS::StackId": (
                f"arn:aws:cloudformation:{cloud.region}:{cloud.account_id}:stack/{name}/"
                "00000000-0000-4000-8000-000000000000"
            ),
            "AWS::NotificationARNs": [],
        }
        self.transition = Transition(cloud, before, taken, self._pseudo["AWS::StackId"])

    def run(self) -> Stack:
        self._refuse_unknown_types()
        for logical_id in self._resources:
            if self._is_wanted(logical_id):
                self._make(logical_id)
        outputs = {
            name: str(self._intrinsics.value(output["Value"]))
            for name, output in self._outputs.items()
            if "Condition" not in output or self._intrinsics.holds(output["Condition"])
        }
        return Stack(
            id=self._pseudo["AWS::StackId"],
            name=self._name,
            parameters=self._parameters,
            resources={logical_id: made.ref for logical_id, made in self._made.items()},
            types={logical_id: self._resources[logical_id]["Type"] for logical_id in self._made},
            outputs=outputs,
            functions={
                logical_id: made.function
                for logical_id, made in self._made.items()
                if made.function
            },
            arns={
                logical_id: made.attributes.get("Arn", made.ref)
                for logical_id, made in self._made.items()
            },
            deployed=self.transition.deployed,
        )

    def ref(self, name: str) -> Any:
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._declared:
            return value_of(self._declared[name], self._parameters[name])
        return self._make(name).ref

    def attribute(self, logical_id: str, attribute: str) -> Any:
        made = self._make(logical_id)
        if attribute not in made.attributes:
            raise TemplateError(
                f"{self._where()}: {logical_id} has no attribute {attribute}, only "
                f"{', '.join(made.attributes) or 'its Ref'}"
            )
        return made.attributes[attribute]

    def _refuse_unknown_types(self) -> None:
        unknown = {
            f"{resource['Type']} ({logical_id})"
            for logical_id, resource in self._resources.items()
            if handlers_of(resource["Type"]) is None and resource["Type"] not in NOT_MADE
        }
        if unknown:
            raise TemplateError("the local cloud has no maker for " + ", ".join(sorted(unknown)))

    def _is_wanted(self, logical_id: str) -> bool:
        resource = self._resources[logical_id]
        if resource["Type"] in NOT_MADE:
            return False
        return "Condition" not in resource or self._intrinsics.holds(resource["Condition"])

    def _make(self, logical_id: str) -> Made:
        if self._in_progress:
            self._needs[self._in_progress[-1]].add(logical_id)
        if logical_id in self._made:
            return self._made[logical_id]
        if logical_id not in self._resources:
            raise TemplateError(f"{self._where()} refers to {logical_id}, which is not declared")
        if not self._is_wanted(logical_id):
            raise TemplateError(
                f"{self._where()} refers to {logical_id}, which this deployment does not make"
            )
        if logical_id in self._in_progress:
            circle = " -> ".join([*self._in_progress, logical_id])
            raise TemplateError(f"these resources need each other: {circle}")
        self._in_progress.append(logical_id)
        resource = self._resources[logical_id]
        depends_on = resource.get("DependsOn", [])
        for other in [depends_on] if isinstance(depends_on, str) else depends_on:
            if self._is_wanted(other):
                self._make(other)
        handlers = handlers_of(resource["Type"])
        assert handlers, "unknown types are refused at the start"
        request = Request(
            logical_id=logical_id,
            properties=self._intrinsics.value(resource.get("Properties", {})),
            type=resource["Type"],
            stack_id=self._pseudo["AWS::StackId"],
            stack_name=self._name,
            code=self._source.code.get(logical_id),
            definition=self._source.definitions.get(logical_id),
        )
        made = self.transition.apply(
            Wanted(
                handlers=handlers,
                request=request,
                needs=frozenset(self._needs[logical_id] - {logical_id}),
                deletion_policy=resource.get("DeletionPolicy", "Delete"),
                update_replace_policy=resource.get("UpdateReplacePolicy", "Delete"),
            )
        )
        self._made[logical_id] = made
        self._in_progress.pop()
        return made

    def _where(self) -> str:
        return self._in_progress[-1] if self._in_progress else "Outputs"
