"""The journal's result does not depend on the order, the repetition or the grouping of its events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_signalwire.journal import StreamEvent, StreamJournal, StreamOwner, to_extra

few = st.sampled_from("abc")
times = st.integers(0, 5).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
stream_events = st.builds(
    StreamEvent,
    st.sampled_from(["started", "started", "stopped", "ended"]),
    few,
    few,
    few,
    st.none() | st.just("bot"),
    times,
    st.booleans(),
)
owners = st.builds(StreamOwner, few, few, few, st.integers(-1, 1))
written = st.lists(st.tuples(stream_events, owners), max_size=12)


def running(groups):
    journal = StreamJournal()
    for events, owner in groups:
        journal.add(to_extra(events), owner)
    assert journal.skipped == 0
    return journal.running_streams()


@given(written, st.data())
def test_order_repetition_and_grouping_do_not_matter(events, data):
    expected = running([([event], owner) for event, owner in events])
    again = data.draw(st.lists(st.sampled_from(events), max_size=6)) if events else []
    shuffled = data.draw(st.permutations(events + again))
    groups: list[tuple[list[StreamEvent], StreamOwner]] = []
    for event, owner in shuffled:
        if groups and groups[-1][1] == owner and data.draw(st.booleans()):
            groups[-1][0].append(event)
        else:
            groups.append(([event], owner))
    assert running(groups) == expected


@given(written, st.data())
def test_lost_event_that_is_no_start_only_leaves_streams_listed(events, data):
    kept = [pair for pair in events if pair[0].event == "started" or data.draw(st.booleans())]
    everything = running([([event], owner) for event, owner in events])
    assert set(everything) <= set(running([([event], owner) for event, owner in kept]))
