"""Whose certificates are trusted."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError


def ssl_context(settings: ClientSettings) -> ssl.SSLContext:
    """Trust whom requests trusts, so that a task behaves alike in the worker and deferred.

    :raises SignalWireConfigurationError: if the file of the authorities' certificates cannot be used.
    """
    path = settings.ca_bundle or DEFAULT_CA_BUNDLE_PATH
    try:
        return _context(path, os.stat(path).st_mtime_ns, settings.verify)
    except OSError as error:  # ssl.SSLError is one
        raise SignalWireConfigurationError(
            f"The certificates in {path!r} cannot be read ({error.strerror}): expected a PEM file or a directory "
            "of them. It is set by the connection's extra 'ca_bundle', REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE."
        ) from None


@lru_cache(maxsize=16)
def _context(path: str, modified: int, verify: bool) -> ssl.SSLContext:
    """Read the certificates once: a triggerer has many clients, and each context would take most of a megabyte."""
    is_directory = os.path.isdir(path)
    context = ssl.create_default_context(cafile=None if is_directory else path, capath=path if is_directory else None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
