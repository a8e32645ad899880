"""The pictures of the page in the README, taken anew: `python -m tools.docs.screenshots [FOLDER]`.

The photographs are those of the demo (`tools/demo.py`), which come with packages and may be shown. The chromium that is
installed is driven; FOLDER is docs/pictures unless another is named.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

import search
from tools.demo import collect

#: What a picture shows: its file, the size of the window, what is asked for, and keys that are pressed then.
SHOTS: Final = (
    ("page", (1180, 640), "a cup of coffee", ()),
    ("page-explained", (1180, 640), "a man riding a motorcycle", ("ArrowDown", "Enter", "e")),
)
#: Milliseconds that thumbnails and movements may take.
_SETTLED: Final = 4_000


def main() -> None:
    """Run it into the folder named on the command line."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("No chromium is installed; install Debian's package of that name.")
    with tempfile.TemporaryDirectory() as temporary:
        photographs, store = Path(temporary) / "photographs", Path(temporary) / "photographs.search"
        collect(photographs)
        with search.open(store) as library:
            library.index(photographs)
        command = [sys.executable, "-m", "search", "serve", "--port", "0", "--store", str(store)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 (our own command)
            assert server.stdout is not None
            said = server.stdout.readline()
            address = next(word for word in said.replace(";", " ").split() if word.startswith("http://"))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                for name, size, line, keys in SHOTS:
                    shoot(browser, address, out / f"{name}.jpg", size, line, keys)
                browser.close()
            server.terminate()


def shoot(browser: Browser, address: str, file: Path, size: tuple[int, int], line: str, keys: tuple[str, ...]) -> None:
    """One picture."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(address)
    page.keyboard.press("/")
    page.keyboard.type(line)
    page.wait_for_timeout(_SETTLED)
    page.keyboard.press("Enter")
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(_SETTLED / 4)
    page.wait_for_timeout(_SETTLED)
    page.screenshot(path=file, type="jpeg", quality=85)
    page.close()


if __name__ == "__main__":
    main()
