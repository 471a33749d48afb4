"""Rules about Glacier's vaults."""

from collections.abc import Callable, Iterator

from auditor.analysis.exposure import parsed
from auditor.analysis.network import each_readable
from auditor.analysis.public import public_statements
from auditor.findings import Severity
from auditor.resources.glacier import Vault
from auditor.rule import Verdict, failed, passed, rule, seen


@rule(severity=Severity.LOW, controls=("ISO-27001-2022 A.8.1",), notes="Glacier Vault Lock")
def glacier_vault_lock_locked(vault: Vault) -> Verdict:
    """Vaults are locked by a policy that nobody can change, and are closed to strangers.

    Risk: whoever may delete archives deletes what was to be kept for years; an open policy lets everyone read it.
    Fix: a lock can never be undone: look at it for a day before it is completed.
    aws glacier initiate-vault-lock --account-id - --vault-name {id} --policy file://lock.json --region {region}
    aws glacier complete-vault-lock --account-id - --vault-name {id} --lock-id LOCK_ID --region {region}
    Where the access policy is open:
    aws glacier delete-vault-access-policy --account-id - --vault-name {id} --region {region}
    """
    checks: tuple[Callable[[Vault], Iterator[str]], ...] = (_open, _unlocked)
    problems = seen(each_readable(checks, lambda check: check(vault)))
    if not problems:
        return passed(lock_state="Locked")
    return failed("; ".join(problems), severity=_critical_if_open(vault), archives=vault.number_of_archives)


def _unlocked(vault: Vault) -> Iterator[str]:
    if vault.lock_state != "Locked":
        yield "The vault is not locked" if vault.lock_state is None else "The vault's lock was never completed"


def _open(vault: Vault) -> Iterator[str]:
    policy = parsed(vault, "access_policy", vault.access_policy)
    if policy is not None and public_statements(policy, service="glacier"):
        yield "The vault's access policy lets everyone in"


def _critical_if_open(vault: Vault) -> Iterator[Severity]:
    if any(_open(vault)):
        yield Severity.CRITICAL
