"""Another client of the Space: repeats a stop as fast as it can and ignores the responses."""

from __future__ import annotations

import sys

import requests

url, project, token = sys.argv[1:]
with requests.Session() as session:
    session.auth = (project, token)
    while True:
        session.post(url, data={"Status": "stopped"}, timeout=30)
