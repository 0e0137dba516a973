"""A widget that tells whether the page can talk to the kernel: `course.check` shows it."""

import time

import anywidget
import traitlets

WAITING = (
    "...   the page has not answered yet, so widgets show as still pictures: install ipywidgets "
    "where Jupyter runs, restart it and reload the page"
)
STILL = "ok    widgets show as still pictures where no browser answers"

# Drawn by the browser: write to the kernel, and print whatever comes back.
PAGE = """
function render({ model, el }) {
  el.style.fontFamily = "var(--jp-code-font-family, monospace)";
  el.style.fontSize = "var(--jp-code-font-size, 13px)";
  el.style.whiteSpace = "pre-wrap";
  el.style.paddingLeft = "8px";  // where the printed lines above begin
  el.className += " wsss-ping";
  const draw = () => { el.textContent = model.get("text"); };
  model.on("change:text", draw);
  draw();
  model.set("sent", 1 + model.get("sent"));
  model.save_changes();
}
export default { render };
"""


class Ping(anywidget.AnyWidget):
    """One line of text; `answered` becomes true when the browser's message has arrived."""

    _esm = PAGE
    text = traitlets.Unicode(WAITING).tag(sync=True)
    sent = traitlets.Int(0).tag(sync=True)
    answered = False

    def __init__(self):
        super().__init__()
        self.started = time.perf_counter()
        self.observe(self._arrived, "sent")

    def _arrived(self, change):
        self.answered = True
        self.text = f"ok    widgets: the page answers ({time.perf_counter() - self.started:.1f} s)"

    def __repr__(self):
        return STILL
