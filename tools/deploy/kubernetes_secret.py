"""The secret of `deploy/kubernetes`: keys drawn at random, and where the database is.

`DATABASE=postgresql+psycopg2://user:password@host/airflow python -m tools.deploy.kubernetes_secret` prints it, for
`kubectl create -f -`, which refuses one that exists: new keys in its place would hide every stored connection and end
every session. The password of the user admin is its key `admin-password`.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from tools.airflow.home import ToolError
from tools.deploy.environment_file import new_secret

NAME = "cdiscount-airflow"
DRIVER = "postgresql+psycopg2://"


def secret(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the secret as Kubernetes reads it.

    Args:
        environ: The shell's; DATABASE counts.

    Raises:
        ToolError: If DATABASE is missing or names another driver.
    """
    address = environ.get("DATABASE", "")
    if not address.startswith(DRIVER):
        found = f"begins with {address.partition('//')[0]}//" if "//" in address else "is missing"
        raise ToolError(f"DATABASE {found}, expected an address {DRIVER}user:password@host/name: the driver is named")
    drawn = {
        "fernet-key": new_secret("FERNET_KEY"),
        "api-secret-key": new_secret("API_SECRET_KEY"),
        "jwt-secret": new_secret("JWT_SECRET"),
        "admin-password": new_secret("ADMIN_PASSWORD"),
    }
    metadata = {"name": NAME}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"connection": address, **drawn}}


def main() -> None:
    """Print it; to a terminal it would only be read over a shoulder."""
    if sys.stdout.isatty():
        raise ToolError("this prints secrets: pipe it into `kubectl create -f -`")
    print(json.dumps(secret(os.environ), indent=2))


if __name__ == "__main__":
    try:
        main()
    except ToolError as error:
        sys.exit(str(error))
