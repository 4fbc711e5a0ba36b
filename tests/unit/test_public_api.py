"""The public API is the one recorded in ``public_api.txt``; see docs/stability.md for what is promised of it.

To record an intended change: ``make public-api``, then read the difference in git.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import os
from collections.abc import Collection, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints, is_typeddict

from airflow.providers.common.compat.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger
from sample_errors import ERRORS

from airflow_provider_signalwire import exceptions, metrics
from airflow_provider_signalwire.batch.summary import BatchSummary
from airflow_provider_signalwire.client.protocol import options, records
from airflow_provider_signalwire.hooks.connection import ConnectionHook
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.provider_info import EXTRAS, get_provider_info
from airflow_provider_signalwire.simulator import pytest_plugin, server
from airflow_provider_signalwire.triggers.events import error_event, success_event

RETRY_POLICY = "airflow_provider_signalwire.retry_policy"
RECORDED = Path(__file__).with_name("public_api.txt")


def describe_public_api() -> str:
    """Return every public name with its signature, one parameter per line."""
    provider_modules = [import_module(name) for name in provider_module_names()]
    return "\n".join(
        [
            *(line for module in provider_modules for line in describe_module(module)),
            *describe_module(exceptions),
            *describe_module(server, only={"SimulatorServer"}),
            *describe_names(
                "Fixtures of the pytest plugin",
                [name for name in vars(pytest_plugin) if name.startswith("signalwire_")],
            ),
            *describe_module(records, only=typed_dicts(records)),
            *describe_module(options, only=typed_dicts(options)),
            *describe_names("XCom value of a batch", BatchSummary(0, {}).as_dict(requested=0, retries=0)),
            *describe_names(
                "Connection", [f"type {SignalWireHook.conn_type}", f"id {SignalWireHook.default_conn_name}"]
            ),
            *describe_names("Connection extras", (f"{name} = {extra.default}" for name, extra in EXTRAS.items())),
            *describe_names("Metrics", (f"{m.kind} {m.name} [{', '.join(m.tags)}]" for m in metrics.METRICS)),
            *describe_names("Trigger event of a success", success_event({})),
            *describe_names("Trigger event of an error", error_event(ERRORS[0])),
            *describe_retry_policy(),
        ]
    )


def describe_retry_policy() -> Iterator[str]:
    with contextlib.suppress(ImportError):  # before Airflow 3.3
        yield from describe_module(import_module(RETRY_POLICY))


def provider_module_names() -> list[str]:
    info = get_provider_info()
    groups = ("operators", "sensors", "hooks", "triggers")
    names = {name for group in groups for entry in info[group] for name in entry["python-modules"]}
    return sorted(names | {path.rpartition(".")[0] for path in info.get("notifications", [])})


def describe_module(module: ModuleType, only: Collection[str] = ()) -> Iterator[str]:
    """Describe the public classes and functions that a module defines, or lists in ``__all__``."""
    yield f"\n{module.__name__}"
    exported = getattr(module, "__all__", ())
    for name, member in vars(module).items():
        is_own = name in exported or getattr(member, "__module__", "") == module.__name__
        if name.startswith("_") or not is_own or (only and name not in only):
            continue
        if is_typeddict(member):
            yield f"    {name}: {', '.join(get_type_hints(member))}"
        elif inspect.isclass(member):
            yield from describe_class(member)
        elif inspect.isroutine(member):
            yield from describe_callable(name, member)


def typed_dicts(module: ModuleType) -> list[str]:
    return [name for name, member in vars(module).items() if is_typeddict(member)]


def describe_class(member: type) -> Iterator[str]:
    """Describe a class; of an operator, a sensor or a trigger only what a DAG or a stored row names."""
    bases = f"({', '.join(base.__name__ for base in member.__bases__)})" if issubclass(member, Exception) else ""
    heading = f"class {member.__name__}{bases}"
    members = members_of(member)
    if "__init__" in members:
        yield from describe_callable(heading, member.__init__)
    else:
        yield f"    {heading}"
    if issubclass(member, BaseOperator):
        yield f"        template_fields: {', '.join(member.template_fields)}"
    elif not issubclass(member, BaseTrigger):
        for name in (name for name in members if not name.startswith("_")):
            method = inspect.unwrap(getattr(members[name], "__func__", members[name]))
            if inspect.isroutine(method):
                yield from (f"    {line}" for line in describe_callable(f"def {name}", method))
            else:
                yield f"        {name}"


def members_of(member: type) -> dict[str, Any]:
    """Return what a class defines; the hook is defined in parts, which are its bases."""
    parts = [base for base in reversed(member.__mro__) if issubclass(base, ConnectionHook)] or [member]
    return {name: value for part in parts for name, value in vars(part).items()}


def describe_callable(heading: str, function: Any) -> Iterator[str]:
    yield f"    {heading}"
    keyword_only = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            yield "        *"
        if parameter.name not in ("self", "cls"):
            yield f"        {describe_parameter(parameter)}"


def describe_parameter(parameter: inspect.Parameter) -> str:
    prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{prefix}{parameter.name}: {parameter.annotation}{default}"


def describe_names(heading: str, names: Iterable[str]) -> Iterator[str]:
    yield f"\n{heading}"
    yield from (f"    {name}" for name in names)


def test_public_api_is_the_recorded_one() -> None:
    current = describe_public_api().strip() + "\n"
    if os.environ.get("PUBLIC_API_WRITE"):
        RECORDED.write_text(current)
    recorded = RECORDED.read_text()
    if not list(describe_retry_policy()):  # this Airflow has none
        recorded = recorded.partition(f"\n{RETRY_POLICY}\n")[0]
    difference = list(difflib.unified_diff(recorded.splitlines(), current.splitlines(), lineterm="", n=1))
    assert " at 0x" not in recorded, "the description differs in every process"
    assert not difference, "The public API has changed. If that is intended: make public-api\n" + "\n".join(difference)
