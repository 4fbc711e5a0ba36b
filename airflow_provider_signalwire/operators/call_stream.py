"""Stop, start and run a media stream of a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import conf

from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.stream_parents import CALL
from airflow_provider_signalwire.operators.run_call_stream import RunCallStreamOperator
from airflow_provider_signalwire.operators.stream import StartStreamOperator, StopStreamOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk.definitions.xcom_arg import PlainXComArg

__all__ = ["RunCallStreamOperator", "StartCallStreamOperator", "StopCallStreamOperator", "call_stream"]


class StopCallStreamOperator(StopStreamOperator):
    """Stop a media stream of a call.

    Wraps `Stop a stream <https://signalwire.com/docs/compatibility-api/rest/streams/update-stream>`__.

    XCom: the stream's record, all keys as SignalWire returned them. Stopping is asynchronous: without
    ``wait_for_completion`` its ``status`` is usually ``queued``. If the call has ended, its streams have stopped
    with it: the task succeeds with a record of the same keys, ``status`` ``stopped`` and ``name`` null.

    Raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`: at once and without a retry if the login
    is refused or a live call has no such stream; a
    :class:`~airflow_provider_signalwire.exceptions.SignalWireTimeoutError` at the deadline.

    :param call_sid: The call (templated).
    :param stream_sid: The stream's SID or its name (templated). Prefer the SID: SignalWire's documentation of the
        stop by name is incomplete.
    :param wait_for_completion: Whether to wait until the stream has stopped, by repeating the stop.
    :param poll_interval: Seconds or timedelta between two polls while waiting, at least 0.1 s.
    :param timeout: Seconds or timedelta after which to give up waiting.
    :param ignore_if_missing: Succeed, with None as the XCom value, if there is no such stream or call.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether to wait in the triggerer, if ``wait_for_completion`` is set. Default: Airflow's
        ``[operators] default_deferrable``.
    """

    parent = CALL
    template_fields = ("call_sid", *StopStreamOperator.template_fields)

    def __init__(
        self,
        *,
        call_sid: str,
        stream_sid: str,
        wait_for_completion: bool = False,
        poll_interval: float | timedelta = 5,
        timeout: float | timedelta = 300,
        ignore_if_missing: bool = False,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            stream_sid=stream_sid,
            wait_for_completion=wait_for_completion,
            poll_interval=poll_interval,
            timeout=timeout,
            ignore_if_missing=ignore_if_missing,
            account_sid=account_sid,
            signalwire_conn_id=signalwire_conn_id,
            deferrable=deferrable,
            **kwargs,
        )
        self.call_sid = call_sid


class StartCallStreamOperator(StartStreamOperator):
    """Start a media stream of a call.

    Wraps `Create a stream <https://signalwire.com/docs/compatibility-api/rest/streams/create-stream>`__.

    XCom: the stream's record, all keys as SignalWire returned them, and each key by itself: ``start.output["sid"]`` is
    what to stop it by.

    A task that succeeds has started exactly one stream. A task that fails has left none running, or its error says
    that one may be running, under which name and since when. If the response to a start is lost, the stream of that
    name is stopped before it is started again. The operator treats its name on that call as its own: no one else may
    use it there. A task that is killed, times out or cannot store its record stops the stream it may have started.

    Raises a :class:`~airflow_provider_signalwire.exceptions.SignalWireError`: at once and without a retry if the login
    is refused, the call is not in progress, or the name is in use on the call.

    :param call_sid: The call, which must be in progress (templated).
    :param url: WebSocket that receives the audio, ``wss://…`` (templated).
    :param name: The stream's name, unique on its call (templated). Default: ``<dag_id>.<task_id>``, followed by
        ``.<map_index>`` in a mapped task; the same in every run, so that a cleanup finds it by name.
    :param track: ``inbound_track``, ``outbound_track`` or ``both_tracks`` (SignalWire's default) (templated).
    :param status_callback: URL that SignalWire reports the stream's events to (templated).
    :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default).
    :param parameters: Up to 99 custom parameters for the WebSocket server (templated).
    :param authorization_bearer_token: Bearer token for the WebSocket server (templated). Template it from a
        connection, ``{{ conn.my_bot.password }}``: a string in a DAG file is not secret.
    :param owner_parameters: Whether to add custom parameters that name the DAG, the run and the task.
    :param outlives_run: Whether the stream is meant to run on after its DAG run, so that a cleanup by journal stops it
        for its age only.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    """

    parent = CALL
    template_fields = ("call_sid", *StartStreamOperator.template_fields)

    @clears_locals
    def __init__(
        self,
        *,
        call_sid: str,
        url: str,
        name: str | None = None,
        track: str | None = None,
        status_callback: str | None = None,
        status_callback_method: str | None = None,
        parameters: Mapping[str, str] | None = None,
        authorization_bearer_token: str | None = None,
        owner_parameters: bool = False,
        outlives_run: bool = False,
        account_sid: str | None = None,
        signalwire_conn_id: str = "signalwire_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            url=url,
            name=name,
            track=track,
            status_callback=status_callback,
            status_callback_method=status_callback_method,
            parameters=parameters,
            authorization_bearer_token=authorization_bearer_token,
            owner_parameters=owner_parameters,
            outlives_run=outlives_run,
            account_sid=account_sid,
            signalwire_conn_id=signalwire_conn_id,
            **kwargs,
        )
        self.call_sid = call_sid


@clears_locals
def call_stream(
    *,
    call_sid: str,
    url: str,
    task_id: str = "call_stream",
    name: str | None = None,
    track: str | None = None,
    status_callback: str | None = None,
    status_callback_method: str | None = None,
    parameters: Mapping[str, str] | None = None,
    authorization_bearer_token: str | None = None,
    owner_parameters: bool = False,
    ignore_if_missing: bool = False,
    poll_interval: float | timedelta = 5,
    timeout: float | timedelta = 300,
    account_sid: str | None = None,
    signalwire_conn_id: str = "signalwire_default",
    deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
    **kwargs: Any,
) -> AbstractContextManager[PlainXComArg]:
    """Start a media stream before the tasks that are created in the block, and stop it after them, even if they fail.

    The start is the setup and the stop the teardown of these tasks. The DAG run fails if one of them fails, as Airflow
    decides it without the stream, and also if the stop fails.

    The block's variable is the start's output: ``stream["sid"]`` is the SID of the stream.

    Three tasks are added to the DAG: ``start_<task_id>``, ``<task_id>_work_ended``, which does nothing and needs no
    worker, and ``stop_<task_id>``.

    :param call_sid: The call, which must be in progress (templated).
    :param url: WebSocket that receives the audio, ``wss://…`` (templated).
    :param task_id: What the ids of the added tasks are made from.
    :param name: The stream's name, unique on its call (templated). Default: that of
        :class:`~airflow_provider_signalwire.operators.call_stream.StartCallStreamOperator`.
    :param track: ``inbound_track``, ``outbound_track`` or ``both_tracks`` (SignalWire's default) (templated).
    :param status_callback: URL that SignalWire reports the stream's events to (templated).
    :param status_callback_method: ``GET`` or ``POST`` (SignalWire's default).
    :param parameters: Up to 99 custom parameters for the WebSocket server (templated).
    :param authorization_bearer_token: Bearer token for the WebSocket server (templated).
    :param owner_parameters: Whether to add custom parameters that name the DAG, the run and the task that starts the
        stream.
    :param ignore_if_missing: Whether the stop succeeds if SignalWire has no such stream or call.
    :param poll_interval: Seconds or timedelta between two polls while the stop waits.
    :param timeout: Seconds or timedelta after which the stop gives up waiting, and fails.
    :param account_sid: Project ID of a subproject (templated). Default: the connection's Project ID.
    :param signalwire_conn_id: The :ref:`connection <connection>` to use (templated).
    :param deferrable: Whether the stop waits in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param kwargs: Further arguments of both operators, such as ``retries`` and ``outlets``.
    """
    call: dict[str, Any] = {"call_sid": call_sid, "account_sid": account_sid, "signalwire_conn_id": signalwire_conn_id}
    start = StartCallStreamOperator(
        task_id=f"start_{task_id}",
        url=url,
        name=name,
        track=track,
        status_callback=status_callback,
        status_callback_method=status_callback_method,
        parameters=parameters,
        authorization_bearer_token=authorization_bearer_token,
        owner_parameters=owner_parameters,
        **call,
        **kwargs,
    )
    stop = StopCallStreamOperator(
        task_id=f"stop_{task_id}",
        stream_sid=cast("Any", start.output)["sid"],
        wait_for_completion=True,
        ignore_if_missing=ignore_if_missing,
        poll_interval=poll_interval,
        timeout=timeout,
        deferrable=deferrable,
        **call,
        **kwargs,
    )
    return _block(start, stop, work_ended_id=f"{task_id}_work_ended")


@contextmanager
def _block(start: BaseOperator, stop: BaseOperator, *, work_ended_id: str) -> Iterator[PlainXComArg]:
    """Connect the tasks that are created in the block with start and stop.

    Airflow takes a task for a leaf, whose state decides the run, if all that follows it are teardowns that do not. The
    stop decides. With another teardown before it, the work decides, too.
    """
    try:
        from airflow.providers.standard.operators.empty import EmptyOperator
    except ImportError:  # Airflow 2
        from airflow.operators.empty import EmptyOperator  # type: ignore[import-not-found,no-redef]  # either one

    work_ended = EmptyOperator(task_id=work_ended_id).as_teardown(setups=start)
    stop.as_teardown(setups=start, on_failure_fail_dagrun=True)
    work_ended >> stop
    earlier = set(start.dag.task_ids)
    yield cast("PlainXComArg", start.output)
    work = {name: task for name, task in start.dag.task_dict.items() if name not in earlier}
    for task in work.values():
        if task.upstream_task_ids.isdisjoint({start.task_id, *work}):
            start >> task
        if task.downstream_task_ids.isdisjoint(work):
            task >> work_ended
