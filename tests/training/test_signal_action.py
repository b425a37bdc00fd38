"""A signal's action is kept whole, and a signal is delivered to another action than the present one."""

import os
import signal

import pytest

from jaxgan.training.signal_action import action_of, deliver, same_handler, set_action


@pytest.fixture
def noted():
    """The SIGUSR1 that Python notices, while it has a handler."""
    found = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: found.append(number))
    yield found
    signal.signal(signal.SIGUSR1, before)


def test_an_action_is_put_back_as_it_was(noted):
    handler = action_of(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    ignored = action_of(signal.SIGUSR1)
    assert not same_handler(ignored, handler) and same_handler(ignored, action_of(signal.SIGUSR1))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert noted == []
    signal.signal(signal.SIGUSR1, lambda number, frame: noted.append(number))
    set_action(signal.SIGUSR1, ignored)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert noted == []
    set_action(signal.SIGUSR1, handler)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert noted == [signal.SIGUSR1]


def test_a_signal_is_delivered_to_an_action_and_the_present_one_stays(noted):
    present = action_of(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    ignoring = action_of(signal.SIGUSR1)
    set_action(signal.SIGUSR1, present)
    signal.signal(signal.SIGUSR1, lambda number, frame: noted.append(number))
    deliver(signal.SIGUSR1, to=ignoring)
    assert noted == []
    os.kill(os.getpid(), signal.SIGUSR1)
    assert noted == [signal.SIGUSR1]


def test_no_signal_has_such_a_number():
    with pytest.raises(OSError, match="sigaction of signal 1000"):
        action_of(1000)
