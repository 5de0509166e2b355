"""Renew the checksums that the data sheet `data/README.md` states; the doctor and a test compare them."""

from pathlib import Path

from salon.lecture.doctor import CHECKSUMS, checksums
from salon.paths import data_root, write_whole
from salon.words import SalonError


def write_checksums(root: Path | None = None) -> int:
    """Renew the data sheet's section, one row `sha256  bytes  path` a file; returns the number of files."""
    root = root or data_root()
    sheet, digests = root / "README.md", checksums(root)
    rows = [f"{digest}  {(root / name).stat().st_size:>9}  {name}\n" for name, digest in digests.items()]
    text, count = CHECKSUMS.subn(lambda m: m[1] + "".join(rows) + m[3], sheet.read_text(encoding="utf-8"))
    if count != 1:
        raise SalonError(f"{sheet} has {count} checksum sections; one was expected: see `git diff data`.")
    write_whole(sheet, text)
    return len(digests)
