"""Whose Airflow a database is: what another project's Airflow works with must not be migrated."""

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

_OURS = "cdiscount_"


class DatabaseFaultError(Exception):
    """Why a database cannot be used, without its password."""


def foreign_dags(address: str) -> list[str]:
    """Return the DAGs of another project that a database holds; empty: it is this project's, or new.

    Raises:
        DatabaseFaultError: If it cannot be reached.
    """
    try:
        engine = create_engine(address)
        with engine.connect() as connection:
            if not inspect(connection).has_table("dag"):
                return []
            dag_ids = connection.execute(text("SELECT dag_id FROM dag ORDER BY dag_id")).scalars().all()
    except ImportError as error:
        raise DatabaseFaultError(
            f"its driver {error.name} is not installed; for PostgreSQL name the driver, postgresql+psycopg2://..., and "
            "use what `make fleet` installs: `make up PY=.venv-fleet/bin/python`"
        ) from error
    except SQLAlchemyError as error:
        raise DatabaseFaultError(str(getattr(error, "orig", None) or error).strip().partition("\n")[0]) from error
    return [str(dag_id) for dag_id in dag_ids if not str(dag_id).startswith(_OURS)]
