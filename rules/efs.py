"""Rules about EFS file systems and access points: encryption, availability, backup, cost, and who gets in."""

from datetime import timedelta

from auditor.analysis.exposure import parsed
from auditor.analysis.policy import Statement
from auditor.analysis.public import public_statements
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.efs import AccessPoint, FileSystem, MountTarget
from auditor.rule import Verdict, failed, not_applicable, passed, rule

AVAILABLE = "available"
MOUNT = "elasticfilesystem:ClientMount"
TEBIBYTE = 2**40
# What a file system that bursts can save up, for each TiB that it holds, and at least for one.
MOST_CREDITS = 2.1 * TEBIBYTE


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub EFS.1 EFS.8",
        "CIS-3.0 2.4.1",
        "CIS-5.0 2.3.1",
        "PCI-4.0 3.5.1.15 8.3.2.22",
        "NIST-800-53-r5 au_9_3 cp_9_d sc_8_3 sc_8_4 sc_13_a sc_28_1 si_19_4",
        "ISO-27001-2022 A.8.11 A.8.24",
    ),
    notes="Amazon EFS",
)
def efs_file_system_encrypted(system: FileSystem) -> Verdict:
    """File systems are encrypted at rest.

    Risk: whoever gets at the disks reads the files; and this cannot be switched on later.
    Fix: aws efs create-replication-configuration --region {region} --source-file-system-id {id}
        --destinations Region={region}
    """
    return passed() if system.encrypted else failed("Files are stored in clear", encrypted=False)


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=("ISO-27001-2022 A.8.14",),
    notes="EFS storage classes (availability)",
)
def efs_file_system_multi_az(system: FileSystem, inventory: Inventory) -> Verdict:
    """File systems are kept, and can be mounted, in several Availability Zones.

    Risk: with the zone go the files of a One Zone file system, perhaps for good, and with its only mount target the
        way to those of a regional one.
    Fix: aws efs create-mount-target --region {region} --file-system-id {id} --subnet-id SUBNET_OF_OTHER_ZONE
    """
    if (exempt := _not_in_service(system)) is not None:
        return exempt
    if system.number_of_mount_targets == 0:
        return not_applicable("Nobody can mount the file system")
    if system.availability_zone_name is not None:
        return failed("The file system is kept in one zone", availability_zone_name=system.availability_zone_name)
    zones: set[str | None] = set()
    for target in inventory.where(MountTarget, "file_system_id", system.file_system_id, region=system.region):
        if target.life_cycle_state == AVAILABLE:
            zones.add(target.availability_zone_id)
            if len(zones) > 1:
                return passed()
    return failed("The file system can be mounted in one zone only", availability_zone_ids=sorted(map(str, zones)))


def _not_in_service(system: FileSystem) -> Verdict | None:
    """The verdict about a file system that is on its way, or that replication writes to."""
    if system.life_cycle_state != AVAILABLE:
        return not_applicable("The file system is not in service", life_cycle_state=system.life_cycle_state)
    if system.is_replica:
        return not_applicable("Replication writes to the file system")
    return None


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=(
        "SecurityHub EFS.2 EFS.7",
        "PCI-4.0 10.3.3.15 10.3.3.16",
        "NIST-800-53-r5 cp_1_2 cp_2_5 cp_6_a cp_6_1 cp_6_2 cp_9_a cp_9_b cp_9_c cp_10 cp_10_2 sc_5_2 si_13_5",
    ),
    notes="EFS storage classes (backup)",
)
def efs_file_system_backup_enabled(
    system: FileSystem, inventory: Inventory, *, max_backup_age_days: int = 35
) -> Verdict:
    """File systems are backed up, automatically or by a backup plan.

    Risk: EFS keeps no versions: what is deleted, or encrypted by somebody else's key, is gone everywhere at once.
    Fix: aws efs put-backup-policy --region {region} --file-system-id {id} --backup-policy Status=ENABLED
    """
    if (exempt := _not_in_service(system)) is not None:
        return exempt
    status = system.backup_policy.status if system.backup_policy else None
    if status in ("ENABLED", "ENABLING"):
        return passed(backup_policy=status)
    last = system.protection.last_backup_time if system.protection else None
    if last is not None and inventory.now - last <= timedelta(days=max_backup_age_days):
        return passed("AWS Backup holds a recent backup", last_backup_time=last)
    return failed("The file system is not backed up", backup_policy=status, last_backup_time=last)


@rule(severity=Severity.LOW, category=Category.COST, notes="EFS storage classes")
def efs_file_system_lifecycle_policy_enabled(system: FileSystem) -> Verdict:
    """Files that nobody reads move to a cheaper storage class.

    Risk: most files are never opened again, and cost many times what they would in Infrequent Access.
    Fix: aws efs put-lifecycle-configuration --region {region} --file-system-id {id}
        --lifecycle-policies TransitionToIA=AFTER_30_DAYS TransitionToPrimaryStorageClass=AFTER_1_ACCESS
    """
    if (exempt := _not_in_service(system)) is not None:
        return exempt
    moves = [policy.transition_to_ia for policy in system.lifecycle_policies if policy.transition_to_ia]
    if moves:
        return passed(transition_to_ia=moves[0])
    return failed("No file ever moves to Infrequent Access", transition_to_ia=None)


@rule(severity=Severity.LOW, category=Category.PERFORMANCE, notes="EFS Performance (elastic throughput)")
def efs_file_system_burst_credits_available(system: FileSystem, *, percent: float = 10) -> Verdict:
    """File systems that live on burst credits keep some, or get elastic throughput.

    Risk: once the credits are spent, throughput falls to what the size of the file system earns, and everything waits.
    Fix: aws efs update-file-system --region {region} --file-system-id {id} --throughput-mode elastic
    """
    if system.throughput_mode != "bursting":
        return not_applicable("Its throughput needs no credits", throughput_mode=system.throughput_mode)
    balances = system.burst_credit_balance
    if not balances:
        return not_applicable("CloudWatch has no balance: nothing was connected")
    most = MOST_CREDITS * max(1.0, system.size_in_bytes.value / TEBIBYTE)
    lowest = min(balances)
    if lowest >= most * percent / 100:
        return passed(burst_credit_balance=lowest)
    return failed("The burst credits nearly ran out", burst_credit_balance=lowest, most=most)


@rule(severity=Severity.INFORMATIONAL, category=Category.PERFORMANCE, notes="EFS Performance mode")
def efs_file_system_performance_mode_general_purpose(system: FileSystem) -> Verdict:
    """File systems are in General Purpose mode.

    Risk: Max I/O, a mode of earlier days, makes every operation slower and rules out elastic throughput.
    Fix: aws efs create-file-system --region {region} --performance-mode generalPurpose --throughput-mode elastic
        --encrypted
    """
    if system.performance_mode != "maxIO":
        return passed(performance_mode=system.performance_mode)
    return failed("The file system is in Max I/O mode", performance_mode=system.performance_mode)


@rule(severity=Severity.LOW, category=Category.COST, notes="Amazon EFS")
def efs_file_system_has_mount_targets(system: FileSystem, inventory: Inventory, *, days: int = 7) -> Verdict:
    """File systems can be mounted somewhere.

    Risk: storage that nobody can reach is paid for, and its files are in nobody's care.
    Fix: aws efs delete-file-system --region {region} --file-system-id {id}
    """
    if (exempt := _not_in_service(system)) is not None:
        return exempt
    if system.number_of_mount_targets > 0:
        return passed(number_of_mount_targets=system.number_of_mount_targets)
    if inventory.now - system.creation_time <= timedelta(days=days):
        return not_applicable("The file system is new", creation_time=system.creation_time)
    return failed("The file system has no mount target", creation_time=system.creation_time)


# --- who gets in


@rule(severity=Severity.MEDIUM, notes="Amazon EFS")
def efs_file_system_transport_encrypted(system: FileSystem) -> Verdict:
    """File systems refuse clients that do not encrypt what they send.

    Risk: NFS is in clear unless the client asks for TLS, so that one forgotten mount option shows files to the network.
    Fix: aws efs put-file-system-policy --region {region} --file-system-id {id} --policy file://policy.json
    """
    policy = parsed(system, "policy", system.policy)
    if policy is None:
        return failed("The file system has no policy, and takes clients without TLS", policy=None)
    refusing = [deny.label for deny in policy.denies if _refuses_clear(deny)]
    if refusing:
        return passed(statement=refusing[0])
    mounting = [allow for allow in policy.allows if allow.matches_action(MOUNT)]
    clear = [allow.label for allow in mounting if not _demands(allow, "true")]
    if mounting and not clear:
        return passed(statements=[allow.label for allow in mounting])
    return failed("The policy lets clients in without TLS", statements=clear)


def _refuses_clear(deny: Statement) -> bool:
    """Whether a Deny keeps everyone out who comes without TLS, whatever else they do."""
    everyone = any(principal.is_anyone for principal in deny.principals or ())
    return everyone and deny.covers_action(MOUNT) and len(deny.conditions) == 1 and _demands(deny, "false")


def _demands(statement: Statement, value: str) -> bool:
    """Whether a statement is about requests with (true) or without (false) TLS only."""
    return any(
        condition.operator == "Bool" and [each.lower() for each in condition.values] == [value]
        for condition in statement.conditions_on("aws:SecureTransport")
    )


@rule(severity=Severity.HIGH, controls=("ISO-27001-2022 A.8.1",), notes="Amazon EFS")
def efs_file_system_policy_not_public(system: FileSystem, *, policy_required: bool = False) -> Verdict:
    """The policy of a file system does not let everybody in.

    Risk: whatever gets a connection to a mount target reads, writes and, with root access, owns all files.
    Fix: aws efs put-file-system-policy --region {region} --file-system-id {id} --policy file://policy.json
    """
    policy = parsed(system, "policy", system.policy)
    if policy is None:
        if policy_required:
            return failed("The file system has no policy: whoever reaches a mount target may mount it", policy=None)
        return passed("The file system has no policy, and is reached through its mount targets only")
    public = public_statements(policy, service="elasticfilesystem")
    if not public:
        return passed()
    return failed("The policy lets everybody in", statements=[each.evidence for each in public])


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub EFS.4", "PCI-4.0 10.3.2.11 3.5.1.3.11 A1.1.2.7 A3.4.1.7"),
    notes="Amazon EFS (POSIX)",
)
def efs_access_point_user_identity_enforced(point: AccessPoint) -> Verdict:
    """Access points say as which user their clients act.

    Risk: else the client says so itself, and root on any machine is root on the files.
    Fix: aws efs create-access-point --region {region} --file-system-id FILE_SYSTEM_ID --posix-user Uid=1000,Gid=1000
        --root-directory 'Path=/application,CreationInfo={OwnerUid=1000,OwnerGid=1000,Permissions=0750}'
    """
    if point.posix_user is not None:
        return passed(uid=point.posix_user.uid)
    return failed("Clients choose their user themselves", posix_user=None)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub EFS.3", "PCI-4.0 10.3.2.10 3.5.1.3.10 A1.1.2.6 A3.4.1.6"),
    notes="Amazon EFS (POSIX)",
)
def efs_access_point_root_directory_enforced(point: AccessPoint) -> Verdict:
    """Access points show a directory of their own, not the whole file system.

    Risk: every application that mounts by the access point sees the files of all others.
    Fix: aws efs create-access-point --region {region} --file-system-id FILE_SYSTEM_ID --posix-user Uid=1000,Gid=1000
        --root-directory 'Path=/application,CreationInfo={OwnerUid=1000,OwnerGid=1000,Permissions=0750}'
    """
    path = (point.root_directory.path if point.root_directory else None) or "/"
    return passed(path=path) if path != "/" else failed("The access point shows the whole file system", path=path)
