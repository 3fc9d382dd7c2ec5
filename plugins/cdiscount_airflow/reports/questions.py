"""The pictures of a question whether a model is to become the champion: Airflow's UI shows none that lie in the text.

Its Markdown keeps only addresses of http, https, irc, mailto and xmpp: a picture as `data:` comes out without its
address. So the task that asks leaves them as files in the run's folder.
"""

import re

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse

from cdiscount_airflow.reports.access import ReaderDep
from cdiscount_airflow.reports.files import folder_of
from cdiscount_airflow.reports.owners import sample_dag_of, sample_of
from cdiscount_tasks.artifacts.documents import pull
from cdiscount_tasks.runs.folders import QUESTION
from cdiscount_tasks.settings.environment import read_environment

router = APIRouter(prefix="/questions/{sample}")

_NAME = re.compile(r"-?[0-9]{1,19}\.jpg")
_NO_PICTURE = "This picture is not part of a question. The run was removed, or its question has no pictures."


@router.get("/{run}/{name}")
def serve_picture(sample: str, run: str, name: str, reader: ReaderDep) -> Response:
    """Serve a picture of a run's question, to those who may read the sample's reports."""
    dag_id = sample_dag_of(sample)
    reader.require(dag_id)
    if sample_of(dag_id) is None or not _NAME.fullmatch(name):
        raise HTTPException(404, _NO_PICTURE)
    folder = folder_of(read_environment().work_dir / "samples" / sample / "runs", run, QUESTION)
    path = folder / name if folder else None
    if path is not None:
        pull(path)
    if path is None or path.is_symlink() or not path.is_file():
        raise HTTPException(404, _NO_PICTURE)
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, no-cache"})
