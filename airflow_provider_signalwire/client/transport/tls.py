"""TLS settings."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError


def ssl_context(settings: ClientSettings) -> ssl.SSLContext:
    """Return the TLS context of both transports; without ``ca_bundle``, it uses the CA bundle that requests uses.

    :raises SignalWireConfigurationError: if the CA bundle cannot be used.
    """
    path = settings.ca_bundle or DEFAULT_CA_BUNDLE_PATH
    try:
        return _context(path, os.stat(path).st_mtime_ns, settings.verify)
    except OSError as error:  # ssl.SSLError is one
        raise SignalWireConfigurationError(
            f"The certificates in {path!r} cannot be read ({error.strerror}): expected a PEM file; the connection's "
            "extra 'ca_bundle' names it."
        ) from None


@lru_cache(maxsize=16)
def _context(path: str, modified: int, verify: bool) -> ssl.SSLContext:
    """Read the certificates once: a triggerer has many clients, and each context would take most of a megabyte."""
    if os.path.isdir(path):
        context = ssl.create_default_context(capath=path)
    else:
        context = ssl.create_default_context(cafile=path)
    context.set_alpn_protocols(["http/1.1"])  # urllib3 sets it in any case
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
