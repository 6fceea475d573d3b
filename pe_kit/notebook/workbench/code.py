"""The Python line behind a click, with a button that copies it."""

from __future__ import annotations

import anywidget
import traitlets

__all__ = ["CodeLine", "call_text"]


class CodeLine(anywidget.AnyWidget):  # type: ignore[misc]
    """A read-only line of code and a copy button."""

    _esm = """
    function render({ model, el }) {
      const box = document.createElement("div");
      box.className = "pe-code";
      const code = document.createElement("code");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "copy the line of Python");
      const show = () => { code.textContent = model.get("value"); box.hidden = !model.get("value"); };
      button.addEventListener("click", async () => {
        try { await navigator.clipboard.writeText(model.get("value")); }
        catch { const r = document.createRange(); r.selectNodeContents(code);
                const s = getSelection(); s.removeAllRanges(); s.addRange(r); document.execCommand("copy"); }
        button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1200);
      });
      model.on("change:value", show);
      box.append(code, button); el.append(box); show();
    }
    export default { render };
    """
    _css = """
    .pe-code:not([hidden]) { display: flex; gap: 8px; align-items: start; margin: 4px 2px }
    .pe-code code { flex: 1; white-space: pre-wrap; overflow-wrap: anywhere; padding: 4px 8px;
      color: var(--jp-content-font-color1);
      background: var(--jp-cell-editor-background, var(--jp-layout-color2));
      font-family: var(--jp-code-font-family, monospace);
      font-size: var(--jp-code-font-size, 13px) }
    .pe-code button { color: var(--jp-content-font-color1); background: var(--jp-layout-color2);
      border: 1px solid var(--jp-border-color1, currentColor); border-radius: 3px; padding: 3px 10px; cursor: pointer }
    .pe-code button:focus-visible { outline: 2px solid var(--jp-brand-color1, Highlight); outline-offset: 2px }
    """
    value = traitlets.Unicode("").tag(sync=True)


def call_text(variable: str, method: str, *args: object, **options: object) -> str:
    """Write a call as a user would: positional arguments first, defaults left out by the caller."""
    parts = [repr(a) for a in args] + [f"{name}={value!r}" for name, value in options.items()]
    return f"{variable}.{method}({', '.join(parts)})"
