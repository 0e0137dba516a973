"""What a reader sees and does, in a real browser: JupyterLab, a slider, a picture that follows.

Needs Chromium and playwright. Without them these tests are skipped, and with
WSSS_LITE_BROWSER=required they fail. WSSS_LITE_SCREENSHOTS names a folder for pictures of the page.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from wsss_lite.setup import jupyter

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--no-proxy-server")
NOTEBOOK_SECONDS = 400

# The pixels that an <img> shows, as a number: the address alone changes with every message.
PIXELS = """image => {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0;
  for (let i = 0; i < data.length; i++) { sum = (31 * sum + data[i]) % 2147483647; }
  return sum;
}"""

STARTED = """() => [...document.querySelectorAll(".jp-InputArea-prompt")].some(
  prompt => /\\[(\\*|\\d+)\\]/.test(prompt.textContent))"""

OTHERS = """\
import numpy as np
from wsss_lite.data.scenes import CLASSES, draw
from wsss_lite.widgets import Refiner, SceneBrowser
SceneBrowser(seed=14)
"""
REFINER = """\
scenes = [draw(seed) for seed in (14, 15)]
maps = [np.stack([s.mask == k for k in range(1, 9)]).astype(np.float32) * 0.9 for s in scenes]
Refiner([s.image for s in scenes], maps, [s.mask for s in scenes], CLASSES, threshold=0.3)
"""

MORE = """\
import numpy as np
from wsss_lite.data.compose import cut
from wsss_lite.data.scenes import CLASSES, draw
from wsss_lite.maps import erase
from wsss_lite.widgets import Paster, Stepper
scenes = [draw(seed) for seed in (14, 15)]
images, masks = [s.image for s in scenes], [s.mask for s in scenes]
maps = np.stack([[m[::8, ::8] == k for k in range(1, 9)] for m in masks]).astype(np.float32)
steps = [maps * share for share in (0.4, 0.7, 0.9)]
hidden = [maps.any(1) & (maps.max(1) * step > 1) for step in (1, 2, 3)]
shown = [[erase.fill(x, h) for x, h in zip(images, row)] for row in hidden]
names = [f"round {k}" for k in range(3)]
Stepper(images, steps, masks, maps.any((2, 3)), CLASSES, names, threshold=0.5, shown=shown)
"""
PASTER = """\
calls = []
def maps_of(picture):
    calls.append(picture)
    red = picture[..., 0].astype(np.float32) / 255
    return np.stack([red, 1 - red]), np.array([red.mean(), 1 - red.mean()])
first = np.unique(masks[0])
pieces = {"first": cut(images[0], masks[0] == first[first > 0][0])}
paster = Paster({"scene": images[1], "grey": np.full((96, 128, 3), 90, np.uint8)}, pieces,
                maps_of, ("red", "not red"))
paster
"""

TINY = """\
import numpy as np
from wsss_lite import course
from wsss_lite.widgets import Inspector
course.check()
"""
TINY_WIDGET = """\
rng = np.random.default_rng(0)
images = [rng.integers(90, 160, (128, 128, 3), dtype=np.uint8) for _ in range(3)]
masks = [np.zeros((128, 128), np.uint8) for _ in range(3)]
maps = np.zeros((3, 2, 12, 12), np.float32)
near = np.exp(-((np.indices((12, 12)) - 5.5) ** 2).sum(0) / 12)
for image, mask, map in zip(images, masks, maps):
    mask[30:98, 40:88] = 1
    image[mask == 1] = (200, 120, 40)
    map[0] = near
tags = np.array([[True, False]] * 3)
Inspector(images, maps, masks, tags, ("cat", "dog"))
"""


def lacking(what):
    """Skip aloud, or fail where a browser is demanded."""
    text = f"no browser test: {what}"
    if os.environ.get("WSSS_LITE_BROWSER") == "required":
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="module")
def browser():
    """Chromium of this machine, driven by playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        lacking("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory, repo):
    """A folder like the reader's work/ with notebook 01, or a tiny one until that exists."""
    folder = tmp_path_factory.mktemp("work")
    originals = sorted((repo / "notebooks").glob("01_*.ipynb"))
    if originals:
        shutil.copytree(repo / "notebooks", folder, dirs_exist_ok=True)
        shutil.copyfile(originals[0], folder / "inspect.ipynb")
    else:
        write_notebook(folder / "inspect.ipynb", TINY, TINY_WIDGET)
    return folder


def write_notebook(path, *cells):
    """A notebook of code cells; a cell may also be (source, HTML of its output)."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    for cell in cells:
        source, html = cell if isinstance(cell, tuple) else (cell, None)
        code = nbformat.v4.new_code_cell(source)
        if html:
            data = {"text/html": html, "text/plain": "figure"}
            code.outputs = [nbformat.v4.new_output("execute_result", data, execution_count=1)]
        made.cells.append(code)
    nbformat.write(made, path)


@pytest.fixture(scope="module")
def server(notebooks, tmp_path_factory, repo):
    """JupyterLab as `make lab` starts it, on that folder; yields a function name -> address."""
    state = tmp_path_factory.mktemp("jupyter")
    # A stretch of ports for each worker: two that look at once find the same one free.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    port, token = jupyter.free_port(first=9400 + 50 * worker), secrets.token_hex(16)
    options = [o for o in jupyter.jupyter_options(port) if "root_dir" not in o]
    quiet = state / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    environment = os.environ | {
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(state / "config"),
        "JUPYTER_DATA_DIR": str(state / "data"),
        "JUPYTER_RUNTIME_DIR": str(state / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
        "PYTHONPATH": str(repo),
    }
    log = state / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={notebooks}"],
            cwd=notebooks, env=environment, stdout=stream, stderr=subprocess.STDOUT,
        )
    try:
        jupyter.wait_for(f"http://127.0.0.1:{port}/api", process)
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}?token={token}&reset"
    finally:
        jupyter.stop(process)
        print(log.read_text()[-2000:])


@pytest.fixture
def page(browser):
    """A fresh page of a laptop's size; a picture of it is kept where asked for."""
    made = browser.new_page(viewport={"width": 1366, "height": 900})
    yield made
    folder = os.environ.get("WSSS_LITE_SCREENSHOTS")
    if folder:
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split()[0]
        made.screenshot(path=Path(folder) / f"{name}.png")
    made.close()


def run_all(page):
    """Run > Run All Cells, as a reader does once the kernel is there."""
    # A question which kernel to start, if it is asked, is answered with the one proposed.
    dialog = page.locator(".jp-Dialog .jp-mod-accept")
    page.add_locator_handler(dialog, lambda button: button.click())
    # The status bar's word: "idle" in the notebook's own corner is also said without a kernel.
    page.get_by_text(re.compile(r"\| Idle$")).wait_for(timeout=60_000)
    for _ in range(5):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        # Cells sent off before the kernel listens are dropped again without a word.
        page.wait_for_timeout(3_000)
        if page.evaluate(STARTED):
            return
    raise AssertionError("no cell started running")


def wait_for_widget(page):
    """The first inspector of the notebook that runs; a cell's error ends the wait."""
    page.wait_for_function(
        "() => document.querySelector('.wsss-inspector') || document.querySelector"
        "('[data-mime-type=\"application/vnd.jupyter.error\"]')",
        timeout=NOTEBOOK_SECONDS * 1000,
    )
    errors = page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()
    assert not errors, errors[0]
    return page.locator(".wsss-inspector").first


def moved(page, widget, act):
    """Do something and wait until picture and IoU differ; returns (before, after) of each."""
    picture, iou = widget.locator("img.wsss-inspector-view"), widget.locator(".wsss-inspector-iou")
    before = picture.evaluate(PIXELS), picture.get_attribute("src"), iou.inner_text()
    act()
    page.wait_for_function(
        "([image, old]) => image.src !== old && image.complete",
        arg=[picture.element_handle(), before[1]], timeout=20_000,
    )
    page.wait_for_timeout(1_000)  # the slider's last message has been answered
    return before, (picture.evaluate(PIXELS), picture.get_attribute("src"), iou.inner_text())


def test_the_threshold_changes_picture_and_iou_in_the_page(page, server):
    page.goto(server("inspect.ipynb"))
    run_all(page)
    widget = wait_for_widget(page)
    widget.scroll_into_view_if_needed()
    slider = widget.locator(".widget-slider", has_text="threshold")
    handle = slider.locator("[role=slider]")

    def keys():
        handle.focus()
        for _ in range(15):
            page.keyboard.press("ArrowRight")

    before, after = moved(page, widget, keys)
    assert before[0] != after[0], "the picture did not follow the keys"
    assert re.search(r"\d\.\d\d", before[2]) and before[2] != after[2]

    def mouse():
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 40, y, steps=8)
        page.mouse.up()

    before, after = moved(page, widget, mouse)
    assert before[0] != after[0], "the picture did not follow the mouse"
    assert before[2] != after[2]
    shown = widget.locator("img.wsss-inspector-view")
    assert shown.bounding_box()["width"] >= 256
    assert "threshold" in shown.get_attribute("title")
    if page.locator(".wsss-ping").count():
        page.wait_for_function(
            "() => document.querySelector('.wsss-ping').textContent.includes('the page answers')"
        )


@pytest.mark.parametrize(
    "kind, slider, presses", [("scenes", "size", 8), ("refiner", "background", 30)]
)
def test_the_other_widgets_follow_the_keys(page, server, notebooks, kind, slider, presses):
    """The scene browser and the CRF refiner: a slider moves, the last picture and the line too."""
    write_notebook(notebooks / f"{kind}.ipynb", OTHERS, REFINER)
    page.goto(server(f"{kind}.ipynb"))
    run_all(page)
    widget = page.locator(f".wsss-{kind}").first
    widget.wait_for(timeout=60_000)
    widget.scroll_into_view_if_needed()
    picture, line = widget.locator("img.widget-image").last, widget.locator("[aria-live]")
    before = picture.evaluate(PIXELS), picture.get_attribute("src"), line.inner_text()
    widget.locator(".widget-slider", has_text=slider).locator("[role=slider]").focus()
    for _ in range(presses):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([image, old]) => image.src !== old && image.complete",
        arg=[picture.element_handle(), before[1]], timeout=20_000,
    )
    page.wait_for_timeout(1_000)  # the slider's last message has been answered
    assert picture.evaluate(PIXELS) != before[0] and line.inner_text() != before[2]
    assert picture.bounding_box()["width"] >= 256


def opened(page, server, notebooks, kind):
    """The widget of that kind in a notebook with a stepper and a paster that has been run."""
    write_notebook(notebooks / f"{kind}.ipynb", MORE, PASTER)
    page.goto(server(f"{kind}.ipynb"))
    run_all(page)
    widget = page.locator(f".wsss-{kind}").first
    widget.wait_for(timeout=60_000)
    widget.scroll_into_view_if_needed()
    return widget


def followed(page, widget, act):
    """Do something and wait for the last picture; returns (pixels, line) before and after."""
    picture, line = widget.locator("img.widget-image").last, widget.locator("[aria-live]")
    before, source = (picture.evaluate(PIXELS), line.inner_text()), picture.get_attribute("src")
    act()
    page.wait_for_function(
        "([image, old]) => image.src !== old && image.complete",
        arg=[picture.element_handle(), source], timeout=20_000,
    )
    page.wait_for_timeout(1_000)  # the last message has been answered
    return before, (picture.evaluate(PIXELS), line.inner_text())


def test_the_stepper_follows_the_keys(page, server, notebooks):
    widget = opened(page, server, notebooks, "stepper")
    given = widget.locator("img.widget-image").first
    whole = given.evaluate(PIXELS)

    def keys():
        widget.locator(".widget-slider", has_text="step").locator("[role=slider]").focus()
        page.keyboard.press("ArrowRight")

    before, after = followed(page, widget, keys)
    assert before[0] != after[0] and "round 0" in before[1] and "round 1" in after[1]
    assert given.evaluate(PIXELS) != whole, "what is erased at this step is not shown"
    assert "round 1" in widget.locator(".wsss-stepper-series b").inner_text()
    assert "round 1" in given.get_attribute("title")


def place(widget):
    """(row, column, scale) that the line of the paster gives."""
    text = widget.locator("[aria-live]").inner_text()
    return [float(v) for v in re.search(r"row (\d+), column (\d+).*scale ([\d.]+)", text).groups()]


def test_the_paster_follows_mouse_and_keys(page, server, notebooks):
    widget = opened(page, server, notebooks, "paster")
    canvas = widget.locator("canvas")
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    area, start = canvas.bounding_box(), place(widget)
    assert area["width"] == 320
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    drawn = "canvas => canvas.toDataURL()"
    still = canvas.evaluate(drawn)
    line = widget.locator("[aria-live]").inner_text()

    def drag():
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 80, y + 40, steps=8)
        page.wait_for_timeout(500)
        assert canvas.evaluate(drawn) != still, "the object does not follow the mouse"
        assert widget.locator("[aria-live]").inner_text() == line, "sent before the release"
        page.mouse.up()

    before, after = followed(page, widget, drag)
    assert before[0] != after[0]
    row, column, scale = place(widget)
    per_pixel = 128 / 320  # of the scene, for one of the page
    assert abs(row - start[0] - 40 * per_pixel) <= 1
    assert abs(column - start[1] + 80 * per_pixel) <= 1 and scale == 1

    def keys():
        canvas.focus()
        for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp", "+"):
            page.keyboard.press(key)

    before, after = followed(page, widget, keys)
    assert before[0] != after[0]
    assert place(widget) == [row - 10, column + 4, 1.1]
    assert canvas.evaluate("canvas => document.activeElement === canvas"), "Jupyter took the keys"
    assert "scale 1.10" in canvas.get_attribute("aria-label") == canvas.get_attribute("title")

    def finger():
        touch = page.context.new_cdp_session(page)
        for kind, points in (
            ("touchStart", [{"x": x, "y": y}]),
            ("touchMove", [{"x": x + 30, "y": y}]),
            ("touchMove", [{"x": x + 60, "y": y + 50}]),
            ("touchEnd", []),
        ):
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    old = place(widget)
    followed(page, widget, finger)
    assert abs(place(widget)[0] - old[0] - 50 * per_pixel) <= 1
    assert abs(place(widget)[1] - old[1] - 60 * per_pixel) <= 1

    followed(page, widget, lambda: widget.locator("select").first.select_option("grey"))
    assert canvas.bounding_box()["height"] == 240 and place(widget)[:2] == [48, 64]


def test_stored_figures_show_before_anything_runs(page, server, notebooks):
    """Outputs of a notebook that somebody else has run are cleaned by JupyterLab; ours survive."""
    from wsss_lite import show
    from wsss_lite.widgets import Inspector

    mask = np.zeros((128, 128), np.uint8)
    mask[30:90, 30:90] = 1
    image = np.full((128, 128, 3), 150, np.uint8)
    strip = show.strip([image, mask], ["scene", "mask"], alt="a grey scene", legend=["cat"])
    still = Inspector([image], np.ones((1, 1, 4, 4)), [mask], [[True]], ["cat"]).strip()
    bars = show.bars(["cat"], [0.4], alt="one bar", xlabel="IoU")
    cells = [(name, figure.html()) for name, figure in (("1", strip), ("2", still), ("3", bars))]
    write_notebook(notebooks / "stored.ipynb", *cells)
    page.goto(server("stored.ipynb"))
    page.wait_for_selector("img[alt='one bar']", state="attached", timeout=60_000)
    seen = page.eval_on_selector_all(
        ".jp-OutputArea img",
        "all => all.map(i => [i.alt, i.width, i.naturalWidth, i.getBoundingClientRect().top])",
    )
    assert all(row[0] not in ("", "Image") for row in seen), "a picture without alternative text"
    figures = [row for row in seen if not row[0].startswith("colour of")]
    assert [row[0] for row in figures[:2]] == ["a grey scene: scene", "a grey scene: mask"]
    assert len(figures) == 2 + 4 + 1
    assert all(width >= 256 and natural > 0 for _, width, natural, _ in figures)
    assert figures[0][3] == figures[1][3], "a strip stands in one row"
    page.wait_for_timeout(300)
