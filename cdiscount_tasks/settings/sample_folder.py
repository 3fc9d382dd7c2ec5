"""Which files of the samples folder are samples: what a person wrote as one, none that a system or an editor left."""

import re
from pathlib import Path

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.strict_yaml import shown_path

# chairs.yml and chairs.yaml.txt (of an editor on Windows) are meant as samples: they are reported, not ignored.
_MEANT = re.compile(r"(?P<stem>[^.].*)\.ya?ml(\.txt)?", re.IGNORECASE | re.DOTALL)
_SUFFIX = ".yaml"


def sample_paths(samples_dir: Path) -> list[Path]:
    """Return the files of a folder that are meant as samples, by name; hidden files are not.

    Raises:
        ConfigError: If the folder cannot be listed.
    """
    try:
        return sorted(path for path in samples_dir.iterdir() if _MEANT.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(
            f"{shown_path(samples_dir)}: cannot be listed ({error.strerror}); CDISCOUNT_SAMPLES names the folder"
        ) from error


def sample_names(samples_dir: Path) -> list[str]:
    """Return the names of a folder's samples; whether each can be read is not asked."""
    named = (path.stem for path in sample_paths(samples_dir) if path.suffix == _SUFFIX)
    return sorted(name for name in named if re.fullmatch("[a-z0-9_]+", name))


def check_file_name(path: Path) -> None:
    """Refuse a sample's file whose name does not end in .yaml: nothing would find it by the sample's name.

    Raises:
        ConfigError: With the name that it needs.
    """
    meant = _MEANT.fullmatch(path.name)
    if meant and path.suffix != _SUFFIX:
        right = shown_path(Path(f"{meant['stem']}{_SUFFIX}"))
        raise ConfigError(f"{shown_path(path)}: a sample's file ends in {_SUFFIX}; rename it to {right}")
