import re
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parent.parent


def recipe_of(target):
    """Return the lines of a target, those that a backslash breaks put together."""
    makefile = (PROJECT_DIR / "Makefile").read_text().replace("\\\n", " ")
    return re.search(rf"^{target}:.*\n((?:\t.*\n)*)", makefile, re.MULTILINE)[1]


@pytest.mark.parametrize("mark", ["beside", "mlflow"])
def test_campaigns_run_each_test_that_make_test_leaves_out_for_them(mark):
    run = [PROJECT_DIR / word for word in recipe_of("campaigns").split() if word.startswith("tests/")]
    assert run and all(path.exists() for path in run)
    marked = [path for path in (PROJECT_DIR / "tests").rglob("test_*.py") if f"mark.{mark}\n" in path.read_text()]
    assert marked
    assert [path for path in marked if not any(path.is_relative_to(folder) for folder in run)] == []
