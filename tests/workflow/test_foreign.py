"""Resources that have our names and are not ours: refused, never touched, reported (D18)."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.tasks.scripted import runs
from tests.localcloud.waiting import until_true
from tests.requests import environment
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-life")

THEIRS = [{"key": "owner", "value": "somebody else"}]


class TestNamesThatAreTaken:
    def test_a_foreign_cluster_is_refused(self, app: Application, name: str) -> None:
        """C03, D18."""
        ecs = app.client("ecs")
        ecs.create_cluster(clusterName=f"bivouac-{name}", tags=THEIRS)
        before = len(app.calls)

        refused = app.create(environment(name=name))

        assert (refused.status, refused.error) == ("FAILED", "ForeignResourceError")
        assert f"the cluster bivouac-{name} exists" in refused.cause
        assert refused.states[-1] == "Request refused"
        assert app.calls.changes(since=before) == []
        (cluster,) = ecs.describe_clusters(clusters=[f"bivouac-{name}"], include=["TAGS"])[
            "clusters"
        ]
        assert (cluster["status"], cluster["tags"]) == ("ACTIVE", THEIRS)
        ecs.delete_cluster(cluster=f"bivouac-{name}")

    def test_a_foreign_namespace_is_refused(self, app: Application, name: str) -> None:
        """N01, D18."""
        cloud_map = app.client("servicediscovery")
        cloud_map.create_http_namespace(Name=f"bivouac-{name}")
        until_true(lambda: f"bivouac-{name}" in [each["Name"] for each in app.namespaces()])
        before = len(app.calls)

        refused = app.create(environment(name=name))

        assert refused.error == "ForeignResourceError"
        assert f"the namespace bivouac-{name} (ns-" in refused.cause
        assert app.calls.changes(since=before) == []
        (namespace,) = [each for each in app.namespaces() if each["Name"] == f"bivouac-{name}"]
        cloud_map.delete_namespace(Id=namespace["Id"])

    def test_a_foreign_log_group_is_refused(self, app: Application, name: str) -> None:
        """D18: found in the middle, so what was ours until then is deleted again."""
        logs, group = app.client("logs"), f"/bivouac-{name}/web"
        logs.create_log_group(logGroupName=group)

        failed = app.create(environment(name=name))

        assert (failed.status, failed.error) == ("FAILED", "ForeignResourceError")
        assert f"the log group {group} exists" in failed.cause
        deleted = app.deletion_after_failure(name).succeeded()
        assert _outcomes(deleted.output["receipt"], "log group")[group] == "RETAINED"
        assert app.left(name) == [group]
        logs.delete_log_group(logGroupName=group)

    def test_resources_created_concurrently_with_the_failure_are_deleted(
        self, app: Application, name: str
    ) -> None:
        """W13, D18: a failed branch ends the others, but not the calls that they have made."""
        logs, group = app.client("logs"), f"/bivouac-{name}/web"
        logs.create_log_group(logGroupName=group)

        with app.calls.hold("ecs:CreateCluster") as hold:
            creation = app.start(app.create_machine, environment(name=name))
            hold.until_arrived()
            assert app.ended(creation).error == "ForeignResourceError"
            app.until_in(app.after_failure(name), "Wait for running steps")

        app.deletion_after_failure(name).succeeded()
        assert app.left(name) == [group]
        logs.delete_log_group(logGroupName=group)

    def test_a_foreign_task_definition_family_is_refused(self, app: Application, name: str) -> None:
        """T03, D18: a stranger's family never gets our revisions, and loses none."""
        ecs, family = app.client("ecs"), f"bivouac-{name}--web"
        theirs = ecs.register_task_definition(
            family=family, containerDefinitions=[{"name": "app", "image": "nginx", "memory": 64}]
        )["taskDefinition"]["taskDefinitionArn"]

        failed = app.create(environment(name=name))

        assert failed.error == "ForeignResourceError"
        assert f"the task definition family {family} exists" in failed.cause
        deleted = app.deletion_after_failure(name).succeeded()
        assert _outcomes(deleted.output["receipt"], "task definition") == {
            f"{family}:1": "RETAINED"
        }
        assert app.left(name) == [theirs]
        ecs.deregister_task_definition(taskDefinition=theirs)
        ecs.delete_task_definitions(taskDefinitions=[theirs])


class TestServiceInOurCluster:
    def test_a_foreign_service_stays_and_the_deletion_is_incomplete(
        self, app: Application, name: str
    ) -> None:
        """C10, D07, D17, D18."""
        created = app.create(environment(name=name)).succeeded()
        cluster = f"bivouac-{name}"
        task = _their_running_task(app, cluster)

        deleted = app.delete(name)

        assert (deleted.status, deleted.error) == ("FAILED", "DeletionIncompleteError")
        assert f"cluster {cluster}: it has services that are not being deleted" in deleted.cause
        record = app.record(name)
        assert record["status"] == "NOT_DELETED"
        receipt = record["receipt"]
        assert _outcomes(receipt, "service") == {"web": "DELETED", "theirs": "RETAINED"}
        assert _outcomes(receipt, "namespace") == {cluster: "DELETED"}
        assert _outcomes(receipt, "log group") == {
            f"/{cluster}/web": "DELETED",
            f"/{cluster}/bivouac-proof": "DELETED",
        }
        schedule = app.schedule(name)
        assert schedule is not None, "nothing would try again"
        assert record["expiresAt"] != created.output["expiresAt"]
        assert _running(app, cluster) == [task]

        app.client("ecs").delete_service(cluster=cluster, service="theirs", force=True)
        until_true(lambda: not _running(app, cluster))
        app.delete(name).succeeded()
        assert app.left(name) == []


def _their_running_task(app: Application, cluster: str) -> str:
    """The task of a service that somebody else created in our cluster."""
    ecs, image = app.client("ecs"), f"registry.example/{cluster}:theirs"
    app.runtime.script(image, runs())
    definition = ecs.register_task_definition(
        family=f"theirs-{cluster}",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": image}],
    )["taskDefinition"]["taskDefinitionArn"]
    network = {"awsvpcConfiguration": {"subnets": list(app.cloud.account.subnet_ids)}}
    ecs.create_service(
        cluster=cluster,
        serviceName="theirs",
        taskDefinition=definition,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network,
    )
    until_true(lambda: _running(app, cluster, "theirs"))
    (task,) = _running(app, cluster, "theirs")
    return task


def _running(app: Application, cluster: str, service: str | None = None) -> list[str]:
    ecs = app.client("ecs")
    of_service = {"serviceName": service} if service else {}
    arns: list[str] = ecs.list_tasks(cluster=cluster, **of_service)["taskArns"]
    if not arns:
        return []
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    return [task["taskArn"] for task in tasks if task["lastStatus"] == "RUNNING"]


def _outcomes(receipt: dict[str, Any], kind: str) -> dict[str, str]:
    return {item["name"]: item["outcome"] for item in receipt["items"] if item["kind"] == kind}
