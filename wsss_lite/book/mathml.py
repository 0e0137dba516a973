"""Formulas as MathML, which browsers draw themselves: no script and no font is needed."""

from docutils import nodes

from wsss_lite.errors import InputError


def converted(formula, display):
    """The MathML of a LaTeX formula; display: "inline" or "block"."""
    from latex2mathml.converter import convert

    try:
        return convert(formula, display=display)
    except Exception as error:  # of many kinds, none of which says which formula it was
        raise InputError(
            f"The formula {formula!r} cannot be converted ({type(error).__name__}); write it with "
            "simpler LaTeX."
        ) from error


def inline(writer, node):
    """Write a formula within a line."""
    writer.body.append(converted(node.astext(), "inline"))
    raise nodes.SkipNode


def block(writer, node):
    """Write a formula on lines of its own."""
    writer.body.append(f'<div class="math">{converted(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app):
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
