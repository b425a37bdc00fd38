"""Signal actions, kept and put back whole: handlers of C code too, which Python's ``signal`` loses."""

import ctypes
import signal
import threading

# No system's struct sigaction is as large.
_SIZE = 1024


def action_of(number: int) -> bytes:
    """The action of signal ``number``, as the C library holds it."""
    found = ctypes.create_string_buffer(_SIZE)
    _call(number, None, found)
    return found.raw


def same_handler(one: bytes, other: bytes) -> bool:
    """Whether two actions call the same function."""
    # It comes first; what follows the mask's used part differs from call to call.
    size = ctypes.sizeof(ctypes.c_void_p)
    return one[:size] == other[:size]


def set_action(number: int, action: bytes) -> None:
    """Gives signal ``number`` the action that :func:`action_of` returned."""
    _call(number, ctypes.create_string_buffer(action, _SIZE), None)


def deliver(number: int, to: bytes) -> None:
    """Sends signal ``number`` to this thread with the action ``to``, which has acted when this returns; the action
    before is put back.
    """
    before = action_of(number)
    set_action(number, to)
    try:
        signal.pthread_kill(threading.get_ident(), number)
    finally:
        set_action(number, before)


def _call(number: int, new: ctypes.Array[ctypes.c_char] | None, old: ctypes.Array[ctypes.c_char] | None) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.sigaction(number, new, old) != 0:
        raise OSError(ctypes.get_errno(), f"sigaction of signal {number}")
