"""Lesson 00 in a real browser: JupyterLab in headless Chromium, all cells run, a slider moved by keys."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

LESSON = Path(__file__).parents[2] / "notebooks" / "00_welcome.ipynb"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {
        "windowingMode": "none"
    },  # every cell is on the page, not only the visible ones
}
STARTING, RUNNING = 180, 300  # seconds

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (Debian: apt install chromium)"
)
playwright = pytest.importorskip(
    "playwright.sync_api", reason="the Python package playwright is not installed"
)


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab that serves a copy of the lesson, with none of this user's settings."""
    shutil.copy(LESSON, tmp_path / "lesson.ipynb")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with jupyter_lab(tmp_path, port) as address:
        yield address


@contextmanager
def jupyter_lab(folder, port):
    places = {}
    for name in ("CONFIG", "DATA", "RUNTIME"):
        places[f"JUPYTER_{name}_DIR"] = str(folder / f".jupyter-{name.lower()}")
    for name in ("SETTINGS", "WORKSPACES"):
        places[f"JUPYTERLAB_{name}_DIR"] = str(folder / f".lab-{name.lower()}")
    for name, values in SETTINGS.items():
        extension, plugin = name.split("/")
        path = folder / ".lab-settings" / "@jupyterlab" / extension / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    options = [f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=", "--ServerApp.password="]
    options += [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    address = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=os.environ | places, stdout=log, stderr=log
        )
        try:
            wait_for(address + "/api", server, folder / "server.log")
            yield address
        finally:
            server.terminate()
            server.wait(30)


def wait_for(address, server, log):
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"JupyterLab stopped at once:\n{log.read_text()}")
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not answer within {STARTING} s:\n{log.read_text()}")


@pytest.mark.slow
def test_a_reader_runs_lesson_00_and_moves_a_slider(lab):
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{lab}/lab/tree/lesson.ipynb", timeout=STARTING * 1000)
        page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for(timeout=STARTING * 1000)
        wait_for_kernel(page, lab)
        run_all(page)

        handle = page.locator(".jp-OutputArea .noUi-handle").first
        with suppress(playwright.TimeoutError):
            handle.wait_for(timeout=RUNNING * 1000)
        shown = page.locator("body").inner_text
        assert handle.is_visible(), f"no slider within {RUNNING} s; the page shows\n{shown()[-2000:]}"
        figure = page.locator(".jp-OutputArea img.widget-image").first
        figure.wait_for()
        before = pixels(page, figure)
        handle.focus()
        page.keyboard.press("ArrowRight")
        deadline = time.monotonic() + RUNNING  # the kernel answers when it has run the cells below
        while pixels(page, figure) == before and time.monotonic() < deadline:
            time.sleep(0.5)
        assert pixels(page, figure) != before, "moving the slider must change the figure"

        page.wait_for_function(
            "() => ![...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
            ".some(prompt => prompt.textContent.includes('*'))",
            timeout=RUNNING * 1000,
        )
        errors = page.locator(
            "[data-mime-type='application/vnd.jupyter.stderr'], .jp-RenderedText .ansi-red-fg"
        )
        assert errors.count() == 0, f"the lesson shows an error: {errors.first.text_content()}"
        browser.close()


def wait_for_kernel(page, lab):
    """Until the page is connected to an idle kernel: cells that are run before that are forgotten."""
    deadline, kernels = time.monotonic() + STARTING, []
    while time.monotonic() < deadline:
        with (
            suppress(urllib.error.HTTPError),  # a server answers so while a kernel is starting
            urllib.request.urlopen(f"{lab}/api/kernels", timeout=STARTING) as answer,
        ):
            kernels = json.load(answer)
        if any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels):
            return
        dialog = page.locator(".jp-Dialog .jp-mod-accept")
        if dialog.count():
            dialog.first.click()
        page.wait_for_timeout(300)
    pytest.fail(f"the page was not connected to a kernel within {STARTING} s; kernels: {kernels}")


def run_all(page, attempts=3):
    """All cells run or wait to; asked for again where a busy page had not yet learned of its kernel."""
    for _ in range(attempts):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        with suppress(playwright.TimeoutError):
            return page.wait_for_function(
                "() => /[*0-9]/.test("
                "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].at(-1).textContent)",
                timeout=30_000,
            )
    pytest.fail(f"the cells were not run after {attempts} times Run All Cells")


def pixels(page, figure):
    """The bytes of the picture that an <img> shows."""
    return page.evaluate(
        "async image => [...new Uint8Array(await (await fetch(image.src)).arrayBuffer())].join()",
        figure.element_handle(),
    )
