"""Pictures of products for the examples, and the folder of an export beside them."""

import pytest

from cdiscount_tasks.artifacts.json_files import write_json
from tests.material.exported_rules import RULES
from tests.material.tiny_catalogue import RED, YELLOW, draw_jpeg, undecodable


@pytest.fixture
def folder(tmp_path):
    """Return a folder with two products of one file, one of three files, one without any; and the export beside it."""
    pictures = tmp_path / "pictures"
    for path, jpeg in {
        "b.jpg": draw_jpeg(RED, 1),
        "a.JPEG": draw_jpeg(YELLOW, 1, mode="L"),
        "notes.txt": b"no image",
        "two/0.jpg": draw_jpeg(RED, 2),
        "two/1.jpg": draw_jpeg(YELLOW, 3),
        "two/2.jpg": undecodable(draw_jpeg(RED, 3)),
        "none/0.txt": b"no image",
    }.items():
        (pictures / path).parent.mkdir(parents=True, exist_ok=True)
        (pictures / path).write_bytes(jpeg)
    (tmp_path / "export").mkdir()
    write_json(tmp_path / "export" / "classes.json", RULES)
    return pictures
