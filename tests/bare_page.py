"""A widget's page without Jupyter: its own script in the browser, its own object in this process.

Between them stands a model of a few lines, which does what the front end of Jupyter does: values
are set and saved, messages are sent, and what the kernel changes comes back as events. So a canvas
can be drawn on in a second, and tests of JupyterLab need to show only that the two meet.
"""

import base64
import json

MODEL = """
state => {
  const handlers = {}, changed = {};
  const fire = name => (handlers["change:" + name] || []).slice().forEach(act => act());
  const read = value => {
    if (!value || value.bytes === undefined) return value;
    const text = atob(value.bytes), out = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
    return new DataView(out.buffer);
  };
  const update = news => {
    for (const name in news) state[name] = read(news[name]);
    for (const name in news) fire(name);
  };
  const tell = async (what, content) => {
    if (window.deaf) return;  // as after a restart of the kernel
    window.waiting += 1;
    update(await window.toKernel(what, JSON.stringify(content)));
    window.waiting -= 1;
  };
  for (const name in state) state[name] = read(state[name]);
  window.update = update;
  window.waiting = 0;
  window.model = {
    get: name => state[name],
    set: (name, value) => { changed[name] = state[name] = value; fire(name); },
    save_changes: () => {
      const news = { ...changed };
      for (const name in changed) delete changed[name];
      tell("set", news);
    },
    send: content => tell("send", content),
    on: (name, act) => { (handlers[name] = handlers[name] || []).push(act); },
    off: (name, act) => { handlers[name] = (handlers[name] || []).filter(one => one !== act); },
  };
}
"""
START = """
async source => {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: widget } = await import(address);
  document.body.innerHTML = "<div id='widget'></div>";
  window.leave = widget.render({ model: window.model, el: document.querySelector("#widget") });
}
"""


class BarePage:
    """Shows an `anywidget` on a page of playwright; `sync` brings what Python has changed."""

    def __init__(self, page, widget):
        self.page, self.widget, self.known = page, widget, {}
        page.expose_function("toKernel", self._heard)
        page.goto("about:blank")
        page.evaluate(MODEL, self._news())
        page.evaluate(START, str(widget._esm))

    def _news(self):
        """What differs from what the page knows, ready for JSON."""
        state = {k: v for k, v in self.widget.get_state().items() if k[0] != "_" and k != "layout"}
        news = {k: v for k, v in state.items() if k not in self.known or self.known[k] != v}
        self.known = state
        return {
            name: {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for name, value in news.items()
        }

    def _heard(self, what, content):
        content = json.loads(content)
        if what == "send":
            self.widget._handle_custom_msg(content, [])
        else:
            self.widget.set_state(content)
            self.known |= content
        return self._news()

    def settle(self):
        """Wait until everything is answered and drawn."""
        self.page.wait_for_function("() => window.waiting === 0")
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => "
                           "requestAnimationFrame(done)))")  # fmt: skip
        self.page.wait_for_timeout(150)  # pictures are decoded

    def sync(self):
        self.page.evaluate("news => window.update(news)", self._news())
