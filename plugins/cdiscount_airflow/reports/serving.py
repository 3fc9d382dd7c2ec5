"""How a file of a report is answered with: its type, what a browser may keep of it, and in blocks."""

import os
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from cdiscount_airflow.reports import bar
from cdiscount_airflow.reports.files import ServedFile
from cdiscount_tasks.artifacts.hashes import hash_json

NO_FILE = "This file is not part of a finished report. If the report is being written again, look again in a minute."

_BLOCK_BYTES = 1 << 20


def answer_with(request: Request, file: ServedFile, above: str | None = None) -> Response:
    """Serve a file, as a page with something above it if there is anything; else it is to be saved."""
    # A report stays as it is until its task is cleared; whether the user may still read it is asked each time.
    tag = f'"{file.content_hash}{"" if above is None else hash_json(above)}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    try:
        # Opened once: a report that is replaced between two looks at it would be cut.
        opened = file.path.open("rb")
    except FileNotFoundError as error:
        raise HTTPException(404, NO_FILE) from error
    if above is not None:
        with opened:
            return HTMLResponse(bar.with_bar(opened.read(), above), headers=headers)
    headers |= {
        "Content-Length": str(os.fstat(opened.fileno()).st_size),
        "Content-Disposition": f'attachment; filename="{quote(file.path.name)}"',
    }
    return StreamingResponse(_blocks(opened), media_type=file.media_type, headers=headers)


def _blocks(opened: BinaryIO) -> Iterator[bytes]:
    with opened:
        while block := opened.read(_BLOCK_BYTES):
            yield block
