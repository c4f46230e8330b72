"""Where a run keeps its data, journals and logs: gone afterwards, unless something is to be looked into."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Workplace:
    """A directory, and whether it is to stay."""

    directory: Path
    stays: bool = False

    def __str__(self) -> str:
        return f"journals and logs are in {self.directory}"


@contextmanager
def workplace(name: str) -> Iterator[Workplace]:
    """Give an empty one; it also stays after an error, which then says where it is."""
    place = Workplace(Path(tempfile.mkdtemp(prefix=f"lxbc-soak-{name}-")))
    try:
        yield place
    except Exception as error:
        place.stays = True
        error.add_note(str(place))
        raise
    finally:
        if not place.stays:
            shutil.rmtree(place.directory)
