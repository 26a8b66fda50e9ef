"""The stack is not deleted while environments exist in it."""

from __future__ import annotations

import pytest

from deployment.protection import protect, refusal, release
from localcloud.template import StackDeletionError, StackProtectedError
from tests.requests import environment
from tests.workflow.application import application


def test_the_stacks_deletion_is_refused_until_the_environments_are_deleted() -> None:
    """D18: nothing of the stack goes before the last environment, and its record outlives it."""
    with application() as app:
        protect(app.cloud, app.stack.name)
        app.create(environment(name="alive")).succeeded()
        waiting = app.start(app.create_machine, environment(name="waiting"))
        app.until_in(waiting, "Wait for the services")

        with pytest.raises(StackProtectedError):
            app.cloud.delete_stack(app.stack)
        assert refusal(app.cloud, app.stack.name).endswith("They are: alive, waiting")

        release(app.cloud, app.stack.name)
        with pytest.raises(StackDeletionError) as refused:
            app.cloud.delete_stack(app.stack)

        assert refused.value.failures.keys() == {"EnvironmentsGuard"}
        reason = refused.value.failures["EnvironmentsGuard"]
        assert "2 environments would be left behind" in reason
        assert reason.endswith("They are: alive, waiting")
        assert app.delete_machine in reason
        assert app.schedule("alive") is not None
        app.ended(waiting).succeeded()

        for name in ("alive", "waiting"):
            app.delete(name).succeeded()
            assert app.left(name) == []

        ec2, probe = app.client("ec2"), app.stack.outputs["ProbeSecurityGroupId"]
        database = ec2.create_security_group(
            GroupName="database", Description="database", VpcId=app.cloud.account.vpc_id
        )["GroupId"]
        rule = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": probe}]}
        ec2.authorize_security_group_ingress(GroupId=database, IpPermissions=[rule])
        with pytest.raises(
            StackDeletionError, match=rf"They are: {database} \(refers to {probe}\)"
        ):
            app.cloud.delete_stack(app.stack)
        assert app.stack.deployed.keys() >= {"ProbeSecurityGroup", "DeleteEnvironmentStateMachine"}
        ec2.revoke_security_group_ingress(GroupId=database, IpPermissions=[rule])
        assert refusal(app.cloud, app.stack.name) == ""
        app.cloud.delete_stack(app.stack)

        client = app.client("stepfunctions")
        assert client.list_state_machines()["stateMachines"] == []
        assert app.record("alive")["status"] == "DELETED"
