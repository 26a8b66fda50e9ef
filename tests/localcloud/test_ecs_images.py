"""Tags of the account's registry move; a deployment keeps its digest.

ECS developer guide, "Container image resolution".
"""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.account import ACCOUNT_ID, REGION
from localcloud.ecs.image_registry import ImageRegistry
from tests.localcloud.running_tasks import answers, get, process_runtime, started, task
from tests.localcloud.running_tasks import container as container_of
from tests.localcloud.strict_cloud import Cloud, fargate_task, web_container

REGISTRY = f"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com"
IMAGE = f"{REGISTRY}/shop/web:latest"


@pytest.fixture
def images(cloud: Cloud) -> ImageRegistry:
    return cloud.plane.ecs.images


def service(cloud: Cloud, **container: Any) -> None:
    cloud.cluster()
    cloud.task_definition(containerDefinitions=[web_container(image=IMAGE, **container)])
    cloud.service()
    cloud.wait()


def digests(cloud: Cloud) -> list[str]:
    """Digests of the tasks that should run."""
    return [task["containers"][0]["imageDigest"] for task in cloud.tasks()]


class TestConsistency:
    def test_a_replacement_task_runs_its_deployments_digest(
        self, cloud: Cloud, images: ImageRegistry
    ) -> None:
        first = images.push("shop/web", "latest")
        service(cloud)
        images.push("shop/web", "latest")
        cloud.ecs.stop_task(cluster="shop", task=cloud.tasks()[0]["taskArn"])
        cloud.ecs.update_service(cluster="shop", service="web", desiredCount=2)
        cloud.wait()
        assert digests(cloud) == [first, first]

    def test_a_forced_new_deployment_runs_the_tags_present_digest(
        self, cloud: Cloud, images: ImageRegistry
    ) -> None:
        first = images.push("shop/web", "latest")
        service(cloud)
        second = images.push("shop/web", "latest")
        cloud.ecs.update_service(cluster="shop", service="web", forceNewDeployment=True)
        cloud.wait()
        assert digests(cloud) == [second] != [first]

    def test_a_container_can_disable_version_consistency(
        self, cloud: Cloud, images: ImageRegistry
    ) -> None:
        """API reference, ContainerDefinition, versionConsistency."""
        images.push("shop/web", "latest")
        service(cloud, versionConsistency="disabled")
        second = images.push("shop/web", "latest")
        cloud.ecs.stop_task(cluster="shop", task=cloud.tasks()[0]["taskArn"])
        cloud.wait()
        assert digests(cloud) == [second]

    def test_an_image_named_by_digest_never_changes(
        self, cloud: Cloud, images: ImageRegistry
    ) -> None:
        first = images.push("shop/web", "latest")
        images.push("shop/web", "latest")
        container = web_container(image=f"{REGISTRY}/shop/web@{first}")
        cloud.cluster()
        cloud.ecs.register_task_definition(**fargate_task(containerDefinitions=[container]))
        cloud.service()
        cloud.wait()
        assert digests(cloud) == [first]


class TestRegistry:
    def test_a_push_returns_a_new_digest_or_the_given_one(self, images: ImageRegistry) -> None:
        digest = "sha256:" + "a" * 64
        assert images.push("web", "1") != images.push("web", "1")
        assert images.push("web", "1", digest) == digest
        assert images.digest_of(f"{REGISTRY}/web:1") == digest
        assert images.digest_of(f"{REGISTRY}/web:1@{digest}") == digest
        assert images.digest_of(f"{REGISTRY}/web") is None
        assert images.digest_of("web:1") is None

    @pytest.mark.parametrize(
        ("repository", "digest"), [("Shop", None), ("shop/", None), ("shop", "sha256:1")]
    )
    def test_invalid_repositories_and_digests_are_refused(
        self, images: ImageRegistry, repository: str, digest: str | None
    ) -> None:
        with pytest.raises(ValueError, match="is no"):
            images.push(repository, "latest", digest)


def test_a_pushed_image_answers_with_its_digest() -> None:
    digest = "sha256:" + "b" * 64
    with process_runtime() as runtime:
        pushed = container_of(image=IMAGE, digest=digest)
        web = task(4, pushed)
        started(runtime, web)
        assert get(answers(runtime, web)).body.decode() == f"{IMAGE}@{digest}\n"
