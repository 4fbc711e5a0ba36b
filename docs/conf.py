"""How Sphinx builds this documentation: ``sphinx-build -W -n --keep-going -b html docs OUTPUT``."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

# Importing Airflow writes its configuration into AIRFLOW_HOME; a build must not touch the user's own.
if "AIRFLOW_HOME" not in os.environ:
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-signalwire-docs-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)

from airflow_provider_signalwire import __version__

project = "airflow-provider-signalwire"
author = "the airflow-provider-signalwire maintainers"
project_copyright = author
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

# Markdown
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings
autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True

# The build fetches nothing, so it cannot know what others document. All names of our own must resolve.
nitpick_ignore_regex = [
    (r"py:.*", r"(airflow|collections|datetime|types|requests|aiohttp|tenacity|pydantic)\..*"),
    (r"py:exc", r"ApiError"),  # the simulator turns it into a response; no caller sees it
    (r"py:class", r"airflow_provider_signalwire\.hooks\.hook_mixin\..*"),  # internal base classes
    (r"py:class", r"timedelta"),  # named in a signature without its module
    (r"py:class", r"airflow_provider_signalwire\..*\.[A-Z]"),  # type variables
]

# Pages
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = f"{project} {release}"
html_show_sphinx = False
html_copy_source = False
html_domain_indices = False  # the list of modules is wider than a phone, and the reference has all of them
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
