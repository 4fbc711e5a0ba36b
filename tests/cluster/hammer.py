"""Another client of the Space, without manners: it asks for the same stop again and again, whatever the answer."""

from __future__ import annotations

import sys

import requests

url, project, token = sys.argv[1:]
with requests.Session() as session:
    session.auth = (project, token)
    while True:
        session.post(url, data={"Status": "stopped"}, timeout=30)
