"""Which RDS instances reservations cover.

A reservation is for an engine and a family of classes. Within a family RDS counts units, twice as many for two zones,
and gives what there is to whatever runs.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

from auditor.resources.rds import DBInstance
from auditor.resources.rds_groups import ReservedDatabases

# AWS's table of units for size-flexible reservations.
UNITS = {"nano": 0.25, "micro": 0.5, "small": 1.0, "medium": 2.0, "large": 4.0, "xlarge": 8.0}


def units(instance_class: str, *, multi_az: bool) -> float | None:
    """How many units a class takes; None for one that cannot be reserved (db.serverless).

    >>> units("db.r6g.2xlarge", multi_az=True)
    32.0
    """
    size = instance_class.split(".")[2:3]
    found = re.fullmatch(r"(\d*)(\w+)", size[0]) if size else None
    if found is None or found[2] not in UNITS:
        return None
    return UNITS[found[2]] * int(found[1] or 1) * (2 if multi_az else 1)


def family(instance_class: str) -> str:
    """The family of a class: "db.r6g" of "db.r6g.large"."""
    return instance_class.rpartition(".")[0]


def product(engine: str) -> str:
    """An engine in the one spelling of its many: reservations name a licence too, and PostgreSQL in full.

    >>> product("oracle-se2(byol)"), product("aurora postgresql"), product("postgres")
    ('oraclese2', 'aurorapostgresql', 'postgresql')
    """
    plain = re.sub(r"[^a-z0-9]", "", engine.lower().partition("(")[0])
    return {"postgres": "postgresql", "aurora": "auroramysql"}.get(plain, plain)


def uncovered(instances: Iterable[DBInstance], reservations: Iterable[ReservedDatabases]) -> set[str]:
    """The ids of the instances that active reservations do not reach: the oldest are served first."""
    left: dict[tuple[str, str], float] = defaultdict(float)
    for reserved in reservations:
        if reserved.state == "active":
            worth = units(reserved.db_instance_class, multi_az=reserved.multi_az) or 0.0
            key = product(reserved.product_description), family(reserved.db_instance_class)
            left[key] += worth * reserved.db_instance_count
    bare = set()
    dated = [each for each in instances if each.instance_create_time is not None]
    for instance in sorted(dated, key=lambda each: (each.instance_create_time, each.db_instance_identifier)):
        need = units(instance.db_instance_class, multi_az=bool(instance.multi_az)) or 0.0
        key = product(instance.engine), family(instance.db_instance_class)
        if left[key] < need:
            bare.add(instance.db_instance_identifier)
        else:
            left[key] -= need
    return bare
