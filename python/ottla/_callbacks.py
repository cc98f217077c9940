"""The thread that calls back, started when somebody asks to be called back or a call answers with a future."""

from __future__ import annotations

import atexit
import os
import threading

from . import _ottla

_lock = threading.Lock()
_thread: threading.Thread | None = None


def serve() -> None:
    """Starts the thread, if it is not there."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_ottla.serve_callbacks, name="ottla-callbacks", daemon=True)
            _thread.start()


def _forked() -> None:
    """The thread is the parent's."""
    global _thread, _lock
    _thread, _lock = None, threading.Lock()


@atexit.register
def _stop() -> None:
    """Callbacks of what has ended are called; then the thread ends, since none may run into the interpreter's end."""
    if _thread is not None:
        _ottla.stop_callbacks()
        _thread.join(5)


os.register_at_fork(after_in_child=_forked)
