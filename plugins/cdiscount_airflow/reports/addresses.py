"""Where Airflow's own pages are, seen from one of the plugin's: whatever prefix a proxy puts before both."""

from fastapi import Request


def _path_in_app(request: Request) -> str:
    return request.url.path.removeprefix(request.scope["root_path"])


def up_to_airflow(request: Request) -> str:
    """Return the way from the page that is asked for to Airflow's root, such as `../../`."""
    return "../" * _path_in_app(request).count("/")


def airflow_url(request: Request) -> str:
    """Return the address of Airflow's root as the reader's browser has it, with a slash at its end."""
    app_path = request.url.path.removesuffix(_path_in_app(request))
    return f"{request.url.scheme}://{request.url.netloc}{app_path.rpartition('/')[0]}/"
