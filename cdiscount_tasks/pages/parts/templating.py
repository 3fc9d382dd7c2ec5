"""The templates of all pages and their style sheet. Loads nothing heavy: Airflow's API server renders lists with it."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from cdiscount_tasks.learning.measuring import device_use
from cdiscount_tasks.pages.parts import outside_text, words
from cdiscount_tasks.pages.report import coverage, seeds
from cdiscount_tasks.vocabulary import DRAWN_WARNING

_TEMPLATES_DIR = Path(__file__).parents[1] / "templates"
_WORDS = ("number", "signed", "points", "distance", "interval", "share", "percent", "percent_interval", "count",
          "duration", "minute", "spoken", "sentence", "explained", "features_named")  # fmt: skip


def page_css() -> str:
    """Return the style sheet that every page holds."""
    return (_TEMPLATES_DIR / "parts/page.css").read_text(encoding="utf-8")


@cache
def _templates(beside: Path | None) -> jinja2.Environment:
    """Return the templates, with the filters that say numbers in words."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_TEMPLATES_DIR, *([beside] if beside else [])]),
        autoescape=lambda name: name is None or not name.endswith(".md"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=outside_text.shown,
    )
    environment.filters |= {name: getattr(words, name) for name in _WORDS}
    environment.filters |= {name: getattr(seeds, name) for name in seeds.FILTERS}
    environment.filters |= {
        "coverage_of": coverage.of_figure,
        "few_groups": coverage.few_groups,
        "needs_care": coverage.needs_care,
        "markdown": outside_text.markdown,
        "plain": outside_text.plain,
        "in_link": words.in_link,
        "device_use": device_use.device_use,
        "waiting_warning": device_use.waiting_warning,
        "python": ascii,  # a text as Python's source has it
    }
    return environment


def render_page(name: str, beside: Path | None = None, **content: Any) -> str:
    """Fill in a page's template, with the style sheet and the warning about drawn pictures at hand.

    Args:
        name: Of the template. One that ends in `.md` is Markdown, whose texts the template escapes itself.
        beside: A further folder of templates; its pages may use the package's macros.
        content: What the template names.
    """
    return _templates(beside).get_template(name).render(css=page_css(), drawn_warning=DRAWN_WARNING, **content)
