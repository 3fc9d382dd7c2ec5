"""Who may read what, asked of Airflow's auth manager as its own pages ask it."""

from collections.abc import Callable
from functools import cache
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Request


class Reader:
    """The signed-in user of a request."""

    def __init__(self, request: Request, user: GetUserDep) -> None:
        @cache
        def may_read(dag_id: str, entity: DagAccessEntity) -> bool:
            try:
                requires_access_dag("GET", entity, dag_id)(request, user)
            except HTTPException:
                return False
            return True

        @cache
        def may_edit(dag_id: str) -> bool:
            try:
                requires_access_dag("PUT", None, dag_id)(request, user)
            except HTTPException:
                return False
            return True

        self._may_read: Callable[[str, DagAccessEntity], bool] = may_read
        self.may_edit: Callable[[str], bool] = may_edit
        self.name = str(user.get_name())

    def may_read(self, dag_id: str) -> bool:
        """Tell whether the user may read the runs of a DAG, and so its reports."""
        return self._may_read(dag_id, DagAccessEntity.RUN)

    def may_read_tasks(self, dag_id: str) -> bool:
        """Tell whether the user may see the tasks of a DAG's runs."""
        return self._may_read(dag_id, DagAccessEntity.TASK_INSTANCE)

    def may_read_logs(self, dag_id: str) -> bool:
        """Tell whether the user may read the logs of a DAG's tasks, and so why one failed."""
        return self._may_read(dag_id, DagAccessEntity.TASK_LOGS)

    def may_read_actions(self, dag_id: str) -> bool:
        """Tell whether the user may see what other people did to a DAG's runs."""
        return self._may_read(dag_id, DagAccessEntity.AUDIT_LOG)

    def require(self, *dag_ids: str) -> None:
        """Refuse what belongs to a DAG that the user may not read, whether it exists or not.

        Raises:
            HTTPException: 403.
        """
        for dag_id in dag_ids:
            if not self.may_read(dag_id):
                raise HTTPException(403, f"Your account may not read the runs of the DAG {dag_id}.")

    def require_edit(self, dag_id: str, what: str = "judge its labels") -> None:
        """Refuse what changes a DAG's data to those who may not edit the DAG, whether it exists or not.

        Args:
            dag_id: Of the DAG.
            what: What is refused, for the sentence.

        Raises:
            HTTPException: 403.
        """
        self.require(dag_id)
        if not self.may_edit(dag_id):
            raise HTTPException(403, f"Only people who may edit the DAG {dag_id} can {what}; your account may not.")


ReaderDep = Annotated[Reader, Depends(Reader)]
