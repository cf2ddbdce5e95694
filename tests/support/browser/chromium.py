"""The browser of the browser tests: the system's Chromium, or Playwright's own.

``python -m tests.support.browser.chromium`` checks that there is one before the tests run. As root, or in CI with sudo, it
installs Debian's. The headless shell has Chromium's engine without the browser around it, such as prompts. The tests of
pages take about a quarter less time in it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str | None:
    """The path of a Chromium on this machine."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def main() -> None:
    """Make sure that there is a Chromium, or explain in one line how to get one."""
    if executable():
        return
    if shutil.which("apt-get") and (os.environ.get("CI") or os.geteuid() == 0):
        sys.stdout.write("Installing Chromium for the browser tests …\n")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        apt = [*as_root, "apt-get", "-qq"]
        subprocess.run([*apt, "update"], env=environment, check=False)
        for package in ("chromium-headless-shell", "chromium"):
            install = [*apt, "install", "-y", "--no-install-recommends", package]
            if subprocess.run(install, env=environment, check=False).returncode == 0:
                break
    if not executable():
        sys.exit(
            "The browser tests need Chromium. On Debian: `sudo apt-get install chromium-headless-shell`. "
            "Elsewhere: `.venv/bin/playwright install chromium`."
        )


if __name__ == "__main__":
    main()
