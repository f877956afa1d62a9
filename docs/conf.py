"""Sphinx configuration: MyST pages, API from docstrings, examples that are run."""

import qclmixnet

project = "qclmixnet"
author = "The qclmixnet developers"
copyright = "2026, The qclmixnet developers"
version = release = qclmixnet.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "**/GALLERY_HEADER.rst"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_use_ivar = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "abort_on_example_error": True,
    "filename_pattern": r"/plot_",
    "show_memory": False,
    "min_reported_time": 10**6,
    "download_all_examples": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "qclmixnet"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_show_sourcelink = False
