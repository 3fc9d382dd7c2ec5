"""The templates of all pages and their style sheet. Loads nothing heavy: Airflow's API server renders lists with it."""

from functools import cache
from pathlib import Path

import jinja2

from cdiscount_tasks.pages.parts import outside_text, words
from cdiscount_tasks.pages.report.coverage import few_groups

_TEMPLATES_DIR = Path(__file__).parents[1] / "templates"


def page_css() -> str:
    """Return the style sheet that stands in every page."""
    return (_TEMPLATES_DIR / "parts/page.css").read_text(encoding="utf-8")


@cache
def templates(*, autoescape: bool = True) -> jinja2.Environment:
    """Return the templates, with the filters that say numbers in words."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES_DIR),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=outside_text.shown,
    )
    for name in ("number", "signed", "interval", "count", "percent", "duration", "spoken", "explained"):
        environment.filters[name] = getattr(words, name)
    environment.filters["few_groups"] = few_groups
    for name in ("markdown", "plain"):
        environment.filters[name] = getattr(outside_text, name)
    environment.filters["python"] = ascii  # a text as Python's source has it
    return environment
