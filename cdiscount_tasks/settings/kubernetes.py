"""The variables that Kubernetes sets in every pod: those for a service called `cdiscount-...` look like ours."""

import re
from collections.abc import Collection

# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables; the second kind is Docker's.
_END = re.compile(r"_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")


def service_variables(names: Collection[str]) -> set[str]:
    """Return those of some variables' names that Kubernetes made of its services' names.

    Each service has a `..._SERVICE_HOST`. Where none is set, a name such as CDISCOUNT_GUI_PORT is not from Kubernetes.
    """
    services = [name.removesuffix("_SERVICE_HOST") for name in names if name.endswith("_SERVICE_HOST")]
    return {
        name
        for service in services
        for name in names
        if name.startswith(service) and _END.fullmatch(name, len(service))
    }
