"""The name under which each of a fleet's machines is known to Airflow, though all of them are this computer."""

import os

VARIABLE = "FLEET_MACHINE"


def machine_name() -> str:
    """Return the machine's name; Airflow asks for it as `[core] hostname_callable`."""
    return os.environ[VARIABLE]
