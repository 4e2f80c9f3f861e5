"""The free space of a disk, as the alert `disk_full` and the doctor judge it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

_LEAST_FREE_BYTES, _LEAST_FREE_SHARE = 1 << 30, 0.05


@dataclass(frozen=True)
class DiskSpace:
    """Sizes in bytes.

    :param free: bytes that an ordinary user may still write.
    """

    free: int
    total: int

    @property
    def is_almost_full(self) -> bool:
        """Whether less than 1 GiB, or less than 5 % of the disk, is free."""
        return self.free < _LEAST_FREE_BYTES or self.free < _LEAST_FREE_SHARE * self.total

    def __str__(self) -> str:
        return f"{self.free / (1 << 20):,.0f} MiB of {self.total / (1 << 20):,.0f} MiB are free"


def disk_space(folder: Path) -> DiskSpace:
    """The space of the disk of a folder. A folder that does not exist yet will be on the disk of its parent."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(place)
    return DiskSpace(usage.free, usage.total)
