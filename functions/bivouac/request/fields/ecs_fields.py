"""Every field of CreateService, RegisterTaskDefinition and CreateCluster, and what becomes of it.

By shape of botocore's model. A field has a rule for its value, is taken as it is, or is refused
with the reason and what to write instead. A field that is not listed is refused: whoever updates
botocore decides about its new ones (`make lock` lists them, tests/unit/test_ecs_fields.py fails).

The source of a rule is the API reference's page of its shape,
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_<shape>.html (for CreateServiceRequest
API_CreateService.html), unless another is named:

FARGATE: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
QUOTAS: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
TMPFS: https://aws.amazon.com/about-aws/whats-new/2026/01/amazon-ecs-tmpfs-mounts-aws-fargate-managed-instances/
"""

from __future__ import annotations

from collections.abc import Mapping

from bivouac.request.fields.field_rules import (
    Refused,
    Rule,
    at_least,
    at_most,
    between,
    matching,
    one_of,
    taken,
)

_NAME = matching(
    r"[A-Za-z0-9_-]{1,255}", "a name: 1 to 255 letters, digits, hyphens and underscores"
)
_CONNECT_NAME = matching(
    r"[a-z0-9_][a-z0-9_-]{0,63}",
    "a Service Connect name: 1 to 64 of a-z, 0-9, _ and -, not starting with -",
)
_DNS_NAME = matching(
    r"[a-z0-9_.][a-z0-9_.-]{0,126}",
    "a name in the mesh: 1 to 127 of a-z, 0-9, _ . and -, not starting with -",
)
_ABSOLUTE_PATH = matching(r"/.*", 'an absolute path; begin it with "/"')
_NOT_EMPTY = matching(r"(?s).+", "a name; it is empty")
_PORT = between(1, 65535)
_CAPABILITIES = (
    *("ALL", "AUDIT_CONTROL", "AUDIT_WRITE", "BLOCK_SUSPEND", "CHOWN", "DAC_OVERRIDE"),
    *("DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE"),
    *("LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE"),
    *("NET_BROADCAST", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN"),
    *("SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE"),
    *("SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "SYSLOG", "WAKE_ALARM"),
)
_MOUNT_OPTIONS = (
    "defaults|ro|rw|suid|nosuid|dev|nodev|exec|noexec|sync|async|dirsync|remount|mand|nomand|atime|"
    "noatime|diratime|nodiratime|bind|rbind|unbindable|runbindable|private|rprivate|shared|rshared|"
    "slave|rslave|relatime|norelatime|strictatime|nostrictatime|(mode|uid|gid|nr_inodes|nr_blocks|"
    "mpol)(=.+)?"
)
_SYSTEM_CONTROLS = (
    r"kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\..+|"
    r"net\..+"
)
_IN_THE_MESH = Refused(
    "environments are reached through Service Connect; leave it out, and name the port in "
    "serviceConnectConfiguration.services"
)
_PLACEMENT = Refused("Fargate decides on the placement of tasks; leave it out")
_NOT_ON_FARGATE = Refused("Fargate does not support it; leave it out")  # FARGATE
_ROLLING = Refused("deployments are rolling ones, judged by Bivouac itself; leave it out")
_PROVIDER = one_of("FARGATE", "FARGATE_SPOT", reason="environments run on Fargate")

_CLUSTER: Mapping[str, Mapping[str, Rule | Refused]] = {
    "CreateClusterRequest": {
        "clusterName": taken,
        "tags": Refused("the field tags beside cluster holds them; move them there"),
        "settings": taken,
        "configuration": Refused(
            "it can name keys and log groups outside the environment; leave it out"
        ),
        "capacityProviders": at_most(2, "capacity providers", _PROVIDER),
        "defaultCapacityProviderStrategy": at_most(20, "entries"),
        "serviceConnectDefaults": Refused(
            "the field namespace beside cluster names it; leave it out"
        ),
    },
    "ClusterSetting": {
        "name": taken,
        "value": one_of("enhanced", "enabled", "disabled", reason="containerInsights has no such"),
    },
    "CapacityProviderStrategyItem": {
        "capacityProvider": _PROVIDER,
        "weight": between(0, 1000),
        "base": between(0, 100_000),
    },
}

_SERVICE: Mapping[str, Mapping[str, Rule | Refused]] = {
    "CreateServiceRequest": {
        "cluster": taken,
        "serviceName": _NAME,
        "taskDefinition": taken,
        "availabilityZoneRebalancing": taken,
        "loadBalancers": _IN_THE_MESH,
        "serviceRegistries": _IN_THE_MESH,
        "desiredCount": between(0, 1000, "tasks"),  # QUOTAS: of a Service Connect service
        "clientToken": Refused(
            "Bivouac sets it, so that a repeated step creates nothing twice; leave it out"
        ),
        "launchType": one_of("FARGATE", reason="environments run on Fargate"),
        "capacityProviderStrategy": at_most(20, "entries"),
        "platformVersion": one_of(
            *("LATEST", "1.4.0"), reason="Service Connect needs platform version 1.4.0"
        ),
        "role": Refused("Bivouac uses ECS's service-linked role; leave it out"),
        "deploymentConfiguration": taken,
        "placementConstraints": _PLACEMENT,
        "placementStrategy": _PLACEMENT,
        "networkConfiguration": taken,
        # https://github.com/aws-cloudformation/cfn-lint/issues/3612
        "healthCheckGracePeriodSeconds": Refused(
            "ECS takes it only with a load balancer, and there is none; give a slow start time "
            "with the container's healthCheck.startPeriod"
        ),
        "schedulingStrategy": one_of("REPLICA", reason="Fargate runs no DAEMON services"),
        "deploymentController": taken,
        "tags": at_most(50, "tags"),
        "enableECSManagedTags": taken,
        "propagateTags": taken,
        "enableExecuteCommand": taken,
        "serviceConnectConfiguration": taken,
        "volumeConfigurations": Refused(
            "a volume of EBS needs a role of its own; leave it out, and use the task's "
            "ephemeralStorage or a volume of EFS"
        ),
        "vpcLatticeConfigurations": _IN_THE_MESH,
        "gatewayConnectors": _IN_THE_MESH,
        "monitoring": Refused("environments are short-lived; leave it out"),
    },
    "DeploymentConfiguration": {
        "deploymentCircuitBreaker": taken,
        # Seen by github.com/badmintoncryer/cdk-preflight, pf-ecs-service-deployment-percent
        "maximumPercent": at_least(100, "percent"),
        "minimumHealthyPercent": between(0, 100, "percent"),
        "alarms": _ROLLING,
        "strategy": one_of("ROLLING", reason="environments have rolling deployments"),
        "bakeTimeInMinutes": _ROLLING,
        "lifecycleHooks": _ROLLING,
        "linearConfiguration": _ROLLING,
        "canaryConfiguration": _ROLLING,
        "earlySuccessCriteria": _ROLLING,
    },
    "DeploymentCircuitBreaker": {
        "enable": taken,
        "rollback": taken,
        "resetOnHealthyTask": taken,
        "thresholdConfiguration": taken,
    },
    "ThresholdConfiguration": {"type": taken, "value": at_least(1)},
    "DeploymentController": {
        "type": one_of("ECS", reason="only rolling deployments of ECS support Service Connect")
    },
    "NetworkConfiguration": {"awsvpcConfiguration": taken},
    "AwsVpcConfiguration": {
        "subnets": at_most(16, "subnets"),
        "securityGroups": at_most(5, "security groups"),
        "assignPublicIp": taken,
    },
    "ServiceConnectConfiguration": {
        "enabled": taken,
        "namespace": taken,
        "services": taken,
        "logConfiguration": taken,
        "accessLogConfiguration": taken,
        "containerConfigurations": at_most(10, "entries"),
    },
    "ServiceConnectService": {
        "portName": taken,
        "discoveryName": _CONNECT_NAME,
        "clientAliases": taken,
        # "IngressPortOverride cannot use ports <= 1024", seen in
        # https://github.com/hashicorp/terraform-provider-aws/issues/28293
        "ingressPortOverride": between(1025, 65535),
        "timeout": taken,
        "tls": Refused("it needs a role and a certificate authority; leave it out"),
    },
    "ServiceConnectClientAlias": {
        "port": _PORT,
        "dnsName": _DNS_NAME,
        "testTrafficRules": _ROLLING,
    },
    "TimeoutConfiguration": {
        "idleTimeoutSeconds": between(0, 2_147_483_647, "seconds"),
        "perRequestTimeoutSeconds": between(0, 2_147_483_647, "seconds"),
    },
    "ServiceConnectAccessLogConfiguration": {
        "format": taken,
        "includeQueryParameters": one_of("DISABLED", reason="query parameters can hold tokens"),
    },
    "ServiceConnectContainerConfiguration": {"logLevel": taken},
    "Tag": {"key": taken, "value": taken},
}

_DEFINITION: Mapping[str, Mapping[str, Rule | Refused]] = {
    "RegisterTaskDefinitionRequest": {
        "family": _NAME,
        "taskRoleArn": taken,
        "executionRoleArn": taken,
        "networkMode": one_of("awsvpc", reason="Fargate needs awsvpc"),
        "containerDefinitions": at_most(10, "containers"),  # QUOTAS
        "volumes": taken,
        "placementConstraints": _PLACEMENT,
        "requiresCompatibilities": at_most(
            4, "entries", one_of("FARGATE", "EC2", reason="environments run on Fargate")
        ),
        "cpu": taken,
        "memory": taken,
        "tags": taken,
        "pidMode": one_of("task", reason="Fargate has no host to share"),
        "ipcMode": _NOT_ON_FARGATE,
        "proxyConfiguration": Refused("Service Connect brings its own proxy; leave it out"),
        "inferenceAccelerators": Refused("Amazon Elastic Inference has ended; leave it out"),
        "ephemeralStorage": taken,
        "runtimePlatform": taken,
        "enableFaultInjection": taken,
        "trustedExecutionConfiguration": _NOT_ON_FARGATE,
    },
    "EphemeralStorage": {"sizeInGiB": between(21, 200, "GiB")},
    "RuntimePlatform": {
        "cpuArchitecture": taken,
        "operatingSystemFamily": one_of("LINUX", reason="Service Connect needs LINUX"),
    },
    "ContainerDefinition": {
        "name": _NAME,
        "image": matching(
            r"[A-Za-z0-9_.:/#-]{1,255}(@sha256:[A-Fa-f0-9]{64})?",
            "an image, such as nginx:1.27: up to 255 letters, digits and - _ : . / #, and a digest "
            "as @sha256: and 64 digits",
        ),
        "repositoryCredentials": taken,
        "cpu": at_least(0, "CPU units"),
        "memory": at_least(6, "MiB"),
        "memoryReservation": at_least(6, "MiB"),
        "links": Refused(  # FARGATE
            "awsvpc has no links; the containers of a task reach each other at 127.0.0.1"
        ),
        "portMappings": taken,
        "essential": taken,
        "restartPolicy": taken,
        "entryPoint": taken,
        "command": taken,
        "environment": taken,
        "environmentFiles": at_most(10, "files"),
        "mountPoints": taken,
        "volumesFrom": taken,
        "linuxParameters": taken,
        "secrets": taken,
        "dependsOn": taken,
        "startTimeout": between(2, 120, "seconds"),
        "stopTimeout": between(2, 120, "seconds"),
        "versionConsistency": taken,
        "hostname": Refused("awsvpc does not support it; leave it out"),
        "user": taken,
        "workingDirectory": taken,
        "disableNetworking": _NOT_ON_FARGATE,
        "privileged": Refused("Fargate has no privileged containers; leave it out"),  # FARGATE
        "readonlyRootFilesystem": taken,
        "dnsServers": _NOT_ON_FARGATE,
        "dnsSearchDomains": _NOT_ON_FARGATE,
        "extraHosts": Refused(  # FARGATE
            "Fargate does not support it; give the other service a client alias of that name"
        ),
        "dockerSecurityOptions": _NOT_ON_FARGATE,
        "interactive": taken,
        "pseudoTerminal": taken,
        "dockerLabels": taken,
        "ulimits": taken,
        "logConfiguration": taken,
        "healthCheck": taken,
        "systemControls": taken,
        "resourceRequirements": Refused("Fargate has no GPUs; leave it out"),  # FARGATE
        "firelensConfiguration": taken,
        "credentialSpecs": Refused("Fargate joins no Active Directory; leave it out"),
    },
    "RepositoryCredentials": {"credentialsParameter": _NOT_EMPTY},
    "PortMapping": {
        "containerPort": _PORT,
        "hostPort": taken,
        "protocol": taken,
        "name": _CONNECT_NAME,
        "appProtocol": taken,
        "containerPortRange": Refused(
            "Service Connect needs single ports; give each a containerPort"
        ),
    },
    "ContainerRestartPolicy": {
        "enabled": taken,
        "ignoredExitCodes": at_most(50, "exit codes"),
        "restartAttemptPeriod": between(60, 1800, "seconds"),
    },
    "KeyValuePair": {"name": _NOT_EMPTY, "value": taken},
    "EnvironmentFile": {
        "value": matching(
            r"arn:aws[a-z-]*:s3:::[^/]+/.+\.env", "the ARN of an object in S3 that ends in .env"
        ),
        "type": taken,
    },
    "MountPoint": {"sourceVolume": taken, "containerPath": _ABSOLUTE_PATH, "readOnly": taken},
    "VolumeFrom": {"sourceContainer": taken, "readOnly": taken},
    "LinuxParameters": {
        "capabilities": taken,
        "devices": Refused("Fargate has no devices of a host; leave it out"),  # FARGATE
        "initProcessEnabled": taken,
        "sharedMemorySize": Refused(  # FARGATE
            "Fargate does not support it; mount a tmpfs at /dev/shm instead"
        ),
        "tmpfs": taken,  # TMPFS
        "maxSwap": Refused("Fargate does not swap; leave it out"),  # FARGATE
        "swappiness": Refused("Fargate does not swap; leave it out"),  # FARGATE
    },
    "KernelCapabilities": {
        "add": at_most(
            *(len(_CAPABILITIES), "capabilities"),
            matching("SYS_PTRACE", "SYS_PTRACE, the only one that Fargate adds; leave it out"),
        ),
        "drop": at_most(
            *(len(_CAPABILITIES), "capabilities"),
            matching("|".join(_CAPABILITIES), f"a capability: {', '.join(_CAPABILITIES)}"),
        ),
    },
    "Tmpfs": {
        "containerPath": _ABSOLUTE_PATH,
        "size": at_least(1, "MiB"),
        "mountOptions": at_most(
            50, "options", matching(_MOUNT_OPTIONS, "a mount option of tmpfs, such as noexec")
        ),
    },
    "Secret": {"name": _NOT_EMPTY, "valueFrom": taken},
    "ContainerDependency": {"containerName": taken, "condition": taken},
    "Ulimit": {"name": taken, "softLimit": at_least(-1), "hardLimit": at_least(-1)},
    "LogConfiguration": {
        "logDriver": one_of(
            *("awslogs", "splunk", "awsfirelens"), reason="Fargate has no such log driver"
        ),
        "options": taken,
        "secretOptions": taken,
    },
    "HealthCheck": {
        "command": taken,
        "interval": between(5, 300, "seconds"),
        "timeout": between(2, 60, "seconds"),
        "retries": between(1, 10),
        "startPeriod": between(0, 300, "seconds"),
    },
    "SystemControl": {
        "namespace": matching(
            _SYSTEM_CONTROLS,
            "a kernel parameter that a container may set: net.*, fs.mqueue.*, or kernel.msg*, sem "
            "and shm*",
        ),
        "value": _NOT_EMPTY,
    },
    "FirelensConfiguration": {"type": taken, "options": taken},
    "Volume": {
        "name": _NAME,
        "host": taken,
        "dockerVolumeConfiguration": Refused(  # FARGATE
            "Fargate has no Docker volumes; leave it out, and the volume lives as long as its task"
        ),
        "efsVolumeConfiguration": taken,
        "s3filesVolumeConfiguration": Refused(
            "it can reach files outside the environment; use a volume of EFS"
        ),
        "fsxWindowsFileServerVolumeConfiguration": Refused(
            "it is for Windows containers; use a volume of EFS"
        ),
        "configuredAtLaunch": Refused(
            "a volume of EBS needs a role of its own; use the task's ephemeralStorage or EFS"
        ),
    },
    "HostVolumeProperties": {
        "sourcePath": Refused(
            "Fargate has no host to share; leave it out, and the volume lives as long as its task"
        )
    },
    "EFSVolumeConfiguration": {
        "fileSystemId": matching(
            r"fs-[0-9a-f]{8,40}|arn:aws[a-z-]*:elasticfilesystem:.+:file-system/fs-[0-9a-f]{8,40}",
            "a file system of EFS, such as fs-0123456789abcdef0",
        ),
        "rootDirectory": _ABSOLUTE_PATH,
        "transitEncryption": taken,
        "transitEncryptionPort": _PORT,
        "authorizationConfig": taken,
    },
    "EFSAuthorizationConfig": {
        "accessPointId": matching(
            r"fsap-[0-9a-f]{8,40}|arn:aws[a-z-]*:elasticfilesystem:.+:access-point/fsap-[0-9a-f]+",
            "an access point of EFS, such as fsap-0123456789abcdef0",
        ),
        "iam": taken,
    },
}

FIELDS: Mapping[str, Mapping[str, Rule | Refused]] = {**_CLUSTER, **_SERVICE, **_DEFINITION}
"""By shape, then by field."""
