"""Which of the contract tests can run."""

from __future__ import annotations

import os

# The vendor's description is not part of this project: SIGNALWIRE_API_DESCRIPTION names a copy of it.
collect_ignore = [] if os.environ.get("SIGNALWIRE_API_DESCRIPTION") else ["test_description_against_vendor.py"]
