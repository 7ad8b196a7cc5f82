"""Sphinx's settings for the pages of the course: `make site` builds them into build/site."""

project = "Attention, from a single query to a language model"
html_title = project
extensions = ["myst_nb", "sphinx-mathjax-offline"]  # the second one puts MathJax beside the pages
exclude_patterns = ["docs/site"]  # the front page includes what lies there

# Lessons are shown as students get them. What their demonstrations show is in them already.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_disable_syntax = ["html_block", "html_inline"]  # <pad> and <b> are meant to be read
myst_heading_anchors = 4  # links such as page.md#a-heading, as on GitHub
smartquotes = False

html_theme = "sphinx_book_theme"
html_theme_options = {
    "navbar_persistent": [],  # the search stands in the sidebar
    "use_download_button": False,
    "use_fullscreen_button": False,
    "footer_content_items": [],
}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's machine is
html_favicon = "static/icon.svg"
html_static_path = ["static"]
html_css_files = ["course.css"]
html_js_files = ["course.js"]
html_use_index = False
html_copy_source = False
# A summary would be fetched, which browsers forbid to pages opened from a folder.
html_show_search_summary = False
