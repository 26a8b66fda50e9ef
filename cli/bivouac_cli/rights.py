"""The rights that each command's caller needs, and no others."""

from __future__ import annotations

_FIND = frozenset({"cloudformation:DescribeStacks"})
_READ = _FIND | {"lambda:InvokeFunction"}
_START = _READ | {"states:StartExecution", "states:DescribeExecution"}

RIGHTS = {
    "ls": _READ,
    "get": _READ,
    "wait": _READ,
    "receipt": _READ,
    "comment": _READ,
    "logs": _READ | {"logs:FilterLogEvents"},
    "exec": _READ | {"ecs:ListTasks", "ecs:ExecuteCommand"},
    "up": _START,
    "redeploy": _START,
    "rollback": _START,
    "extend": _START,
    "sleep": _START,
    "wake": _START,
    "down": _START,
    "doctor": frozenset(
        {
            "cloudformation:DescribeStacks",
            "cloudformation:ListStacks",
            "ec2:DescribeRegions",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcEndpoints",
            "iam:GetPolicy",
            "iam:GetRole",
            "iam:SimulatePrincipalPolicy",
            "servicediscovery:ListNamespaces",
            "servicequotas:GetServiceQuota",
            "sns:GetTopicAttributes",
        }
    ),
    "init": frozenset({"ecs:ListServices", "ecs:DescribeServices", "ecs:DescribeTaskDefinition"}),
}
"""By command. InvokeFunction: of the stack's describe_environments alone. doctor skips what its
caller may not ask; init of files calls nothing."""

MACHINES = {
    "up": "CreateEnvironment",
    "redeploy": "RedeployEnvironment",
    "rollback": "CreateEnvironment",
    "extend": "ExtendLease",
    "sleep": "SleepEnvironment",
    "wake": "WakeEnvironment",
    "down": "DeleteEnvironment",
}
"""The state machine that a command starts, by the names of the stack's outputs."""

_SEEING = ("ls", "get", "wait", "receipt", "comment")
_SETTING_UP = ("doctor", "init")
"""They read what is not the stack's, so nobody has these rights who only uses environments."""

JOBS = {
    "Viewer": (*_SEEING, "logs"),
    "Pipeline": (*_SEEING, "up", "redeploy", "rollback", "extend", "down"),
    "Operator": tuple(command for command in RIGHTS if command not in _SETTING_UP),
    "Setup": _SETTING_UP,
}
"""The commands of whoever has the stack's managed policy of this name."""
