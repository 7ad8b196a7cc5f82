"""Colors that can be read on the pages of JupyterLab, VS Code and Colab, dark and light.

JupyterLab and VS Code name their theme's colors in variables; elsewhere there are none. Text has
the page's own color everywhere: only that is sure to stand out from the page. A color that means
something is a line beside the text, which says the same in words.
"""

from __future__ import annotations

GOOD = "var(--jp-success-color1,var(--vscode-testing-iconPassed,currentColor))"
BAD = "var(--jp-error-color1,var(--vscode-testing-iconFailed,currentColor))"
MUTED = "var(--jp-ui-font-color2,var(--vscode-descriptionForeground,currentColor))"
LINE = "var(--jp-border-color2,var(--vscode-panel-border,currentColor))"
MONO = "font-family:var(--jp-code-font-family,var(--vscode-editor-font-family,monospace))"
