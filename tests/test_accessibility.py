"""What those need who do not see, see no red, or have no mouse: texts, order, contrast, keys."""

import ast
import re

import nbformat
import numpy as np
import pytest
from matplotlib.text import Text

from wsss_lite import contrast, rungs, show
from wsss_lite.contrast import TEXT, WHITE, readable

# --------------------------------------------------------------------------------------- contrast


def test_contrast_is_that_of_the_standard():
    assert contrast.contrast((0, 0, 0), WHITE) == pytest.approx(21)
    assert contrast.contrast("#767676", "white") == pytest.approx(4.54, abs=0.01)
    assert contrast.contrast("#777777", "#ffffff") < TEXT  # the well-known first grey that fails
    assert contrast.contrast((1.0, 0.0, 0.0), WHITE) == pytest.approx(4.0, abs=0.01)
    assert contrast.contrast("red", "red") == 1


@pytest.mark.parametrize("ground", [WHITE, (0, 0, 0), "#f4f4f4"])
@pytest.mark.parametrize("colour", [*show.LINES, *show.OKABE_ITO.values()])
def test_a_readable_colour_can_be_read_and_changes_no_more_than_it_must(colour, ground):
    made = readable(colour, ground)
    assert contrast.contrast(made, ground) >= TEXT
    if contrast.contrast(colour, ground) >= TEXT:
        assert np.allclose(contrast.rgb(made), contrast.rgb(colour), atol=0.003)
    else:
        assert contrast.contrast(made, ground) < TEXT + 0.5


def faint(figure):
    """Texts of a figure of matplotlib that stand out too little from the white behind them."""
    texts = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
    assert texts
    return [t.get_text() for t in texts if contrast.contrast(t.get_color(), WHITE) < TEXT]


def drawn():
    """A figure of each kind, with all colours of lines and all classes."""
    x = [0, 0.5, 1]
    names = [*show.OKABE_ITO, *(f"line {k}" for k in range(len(show.LINES)))]
    lines = {name: [0, 0.5, k] for k, name in enumerate(names)}
    facts = {"supervision": "tags", "starred": False, "hours": 7.0}
    table = {kind: facts | {"supervision": kind, "test": (0.5, 0.01, 3)} for kind in rungs.LOOKS}
    mask = np.arange(9, dtype=np.uint8).reshape(3, 3)
    return {
        "curve": show.curve(x, lines, alt="c", xlabel="x", ylabel="y", marks={"m": 0.2},
                            levels={"bound": 3}),
        "bars": show.bars(names[:4], [1, 2, 3, np.nan], alt="b", xlabel="x", bound={"full": 2}),
        "strip": show.strip([mask], ["title"], alt="s", legend=show.OKABE_ITO),
        "table": show.Table(["a", "b"], [["x", "1"]], "t"),
        "rungs": rungs.chart(table, label=list(table), alt="r"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def figures():
    return {kind: figure.figure() for kind, figure in drawn().items()}


@pytest.mark.parametrize("kind", ["curve", "bars", "strip", "table", "rungs"])
def test_texts_of_figures_can_be_read(figures, kind):
    assert not faint(figures[kind])


def test_a_faint_text_is_found(figures):
    (axis,) = figures["bars"].axes
    text = axis.annotate("orange", (0, 0), color=show.LINES[4])
    assert faint(figures["bars"]) == ["orange"]
    text.remove()


def test_lines_differ_in_more_than_colour_and_each_is_named(figures):
    axis = figures["curve"].axes[0]
    lines = [line for line in axis.lines if len(line.get_xdata()) == 3]
    assert len({str(line._dash_pattern) for line in lines[:4]}) == 4
    names = {t.get_text() for t in axis.texts}
    assert names >= set(show.OKABE_ITO)


def test_every_colour_of_a_legend_has_its_name():
    html = show.strip([np.arange(9, dtype=np.uint8).reshape(3, 3)], alt="a",
                      legend=[*show.OKABE_ITO]).html()  # fmt: skip
    named = re.findall(r'<span><img alt="colour of ([^"]+)"[^>]*>&nbsp;([^<]+)</span>', html)
    assert [name for name, _ in named] == [name for _, name in named]
    assert [name for name, _ in named] == ["background", *show.OKABE_ITO]


def test_no_two_classes_look_alike_without_red_or_green(figures):
    """Okabe and Ito's classes as the two common kinds of colour blindness see them."""
    see = {
        "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    }  # Machado, Oliveira and Fernandes 2009, severity 1
    colours = np.array([show.BACKGROUND_COLOUR, *show.OKABE_ITO.values()]) / 255
    for kind, matrix in see.items():
        seen = (colours**2.2) @ np.transpose(matrix)
        seen = seen.clip(0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
        assert apart[np.triu_indices(len(colours), 1)].min() > 0.12, kind


# ------------------------------------------------------------------------------------------- pages


def sheets(repo):
    """{file: text} of the modules that write pages or styles."""
    files = [*(repo / "wsss_lite" / "widgets").glob("*.py"), *(repo / "wsss_lite").glob("*.py")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    style = re.compile(r"[\w\]]\s*\{[^}]*color:")
    return {name: text for name, text in texts.items() if style.search(text)}


HEX = r"#[0-9a-fA-F]{3}\b|#[0-9a-fA-F]{6}\b"


def rules(text):
    """(selector, {property: colour}) of the style rules in a text that name colours."""
    # A rule may be broken over Python's strings, and a variable has a colour to fall back on.
    text = re.sub(r'"\s*\n\s*"', "", text)
    text = re.sub(rf"var\([^,()]+,\s*({HEX})\)", r"\1", text)
    for selectors, body in re.findall(r"([\w.#*\[\]=:>,\s()-]+)\{([^{}]*)\}", text):
        found = re.findall(rf"(?:^|;|\s)(color|background(?:-color)?)\s*:\s*({HEX})", body)
        if found:
            facts = {kind.split("-")[0]: colour for kind, colour in found}
            for selector in selectors.split(","):
                yield " ".join(selector.split()), facts


def base(selector):
    """A selector without states: "button[aria-pressed=true]:hover" is a button."""
    return re.sub(r"(\[[^\]]*\])|(:[\w-]+)", "", selector)


def low_contrast(text):
    """Sentences about rules of a style sheet whose text stands out too little."""
    found = list(rules(text))
    plain = {s: facts for s, facts in found if s == base(s)}
    problems = []
    for selector, facts in found:
        inherited = {"color": "#222222", "background": "#ffffff"} | plain.get(base(selector), {})
        both = inherited | facts
        ratio = contrast.contrast(both["color"], both["background"])
        if ratio < TEXT:
            problems.append(f"{selector}: {both['color']} on {both['background']} is {ratio:.1f}")
    return problems


def test_texts_of_widgets_and_pages_can_be_read(repo):
    found = sheets(repo)
    assert {"annotator_canvas.py", "promptable_canvas.py", "report.py"} <= set(found)
    problems = [f"{n}: {p}" for n, text in found.items() for p in low_contrast(text)]
    assert not problems, "\n".join(problems)


def test_low_contrast_is_found():
    css = "a{color:#777} b { color: var(--ink, #111); background: #222 } p{color:#000}"
    css += " p:hover{background:#333}"
    assert [line.split(":")[0] for line in low_contrast(css)] == ["a", "b", "p"]


CONTROLS = re.compile(r"(Slider|Dropdown|Checkbox|Button|Buttons|Text|Textarea|Upload|Select)$")


def controls(text):
    """(line, description or None) of the controls of ipywidgets that a module makes."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = getattr(node.func.value, "id", "")
            if owner == "widgets" and CONTROLS.search(node.func.attr):
                named = [k.value for k in node.keywords if k.arg == "description"]
                yield node.lineno, named[0] if named else None


def test_every_control_has_a_label(repo):
    count = 0
    for path in sorted((repo / "wsss_lite" / "widgets").glob("*.py")):
        for line, label in controls(path.read_text(encoding="utf-8")):
            empty = isinstance(label, ast.Constant) and not str(label.value).strip()
            assert label is not None and not empty, f"{path.name}:{line}: a control without label"
            count += 1
    assert count > 40


def test_every_canvas_takes_the_keys_and_says_what_it_is(repo):
    pages = [p for p in (repo / "wsss_lite" / "widgets").glob("*.py") if "canvas" in p.read_text()]
    made = [p for p in pages if re.search(r"\"canvas\"", p.read_text())]
    shown = [p for p in made if "setAttribute(\"role\", \"img\")" in p.read_text()]
    assert all("pointerdown" not in p.read_text() for p in shown)  # pictures, not to be drawn on
    drawn_on = [p for p in made if p not in shown]
    assert len(drawn_on) >= 5
    for path in drawn_on:
        text = path.read_text(encoding="utf-8")
        for what in (r"tabIndex(:| =) 0", r"addEventListener\(\"keydown\"", r"aria-label",
                     r"Arrow(Left|Up)"):  # fmt: skip
            assert re.search(what, text), f"{path.name}: no {what} for its canvas"


# --------------------------------------------------------------------------------------- notebooks


def all_notebooks(repo):
    found = sorted((repo / "notebooks").rglob("*.ipynb"))
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def headings(cells):
    """Levels of the headings of a notebook, in order."""
    texts = [re.sub(r"```.*?```", "", c.source, flags=re.DOTALL) for c in cells
             if c.cell_type == "markdown"]  # fmt: skip
    return [len(m) for text in texts for m in re.findall(r"^(#{1,6}) \S", text, re.MULTILINE)]


def pictures(cells):
    """(where, alternative text) of every picture in texts and outputs; "" where there is none."""
    for k, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            text = cell.source
            yield from ((k, alt) for alt in re.findall(r"!\[([^\]]*)\]\(", text))
        else:
            data = [output.get("data", {}) for output in cell.get("outputs", [])]
            yield from ((k, "") for d in data if any(t.startswith("image/") for t in d))
            text = "".join("".join(d.get("text/html", "")) for d in data)
        # The source of an embedded picture is long; its text stands before or behind it.
        for tag in re.findall(r"<(?:img|svg)\b[^>]*>", text):
            said = re.search(r'(?:\balt|aria-label)="([^"]*)"', tag)
            labelled = "aria-labelledby" in tag and "<title" in text
            yield k, said[1] if said else "svg" if labelled else ""


def faults(cells):
    """What a notebook lacks, as sentences."""
    levels = headings(cells)
    found = [f"the picture of cell {k} has no alternative text" for k, alt in pictures(cells)
             if not alt.strip()]  # fmt: skip
    if levels[:1] != [1] or levels.count(1) != 1:
        found.append("it needs one heading of the first level, as its first")
    jumps = [k for k in range(1, len(levels)) if levels[k] > levels[k - 1] + 1]
    return found + [f"heading {k + 1} leaves out a level" for k in jumps]


def test_notebooks_have_texts_for_pictures_and_headings_in_order(repo):
    problems, count = [], 0
    for path in all_notebooks(repo):
        cells = nbformat.read(path, as_version=4).cells
        problems += [f"{path.name}: {line}" for line in faults(cells)]
        count += len(list(pictures(cells)))
    assert not problems, "\n".join(problems)
    assert count > 500


def test_each_fault_is_found():
    new = nbformat.v4
    code = new.new_code_cell("x")
    code.outputs = [
        new.new_output("display_data", {"image/png": "aa"}),
        new.new_output("display_data", {"text/html": '<img alt="" src="data:x"><img src="y">'}),
        new.new_output("display_data", {"text/html": '<img src="z" alt="a cat">'}),
    ]
    cells = [new.new_markdown_cell("## Second\n\n#### Fourth\n\n![](x.png)"), code]
    text = "\n".join(faults(cells))
    assert text.count("no alternative text") == 4
    assert "first level" in text and "heading 2 leaves out a level" in text
    assert faults([new.new_markdown_cell("# One\n\n## Two\n\n```\n#### code\n```")]) == []
