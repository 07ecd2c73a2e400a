"""Reading ahead: a thread that runs an iterator a few items before the one who wants them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread, current_thread
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE = 1.0  # seconds to wait for a thread that still reads; a daemon, it cannot keep the program from ending


class _Link:
    """What the two sides share. The thread knows nothing else, so that whoever drops the iterator ends it."""

    def __init__(self, depth: int) -> None:
        self.ready: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
        self.room = Semaphore(depth)
        self.stopped = False


class _Reader(Thread):
    def __init__(self, items: Iterator[Any], link: _Link) -> None:
        super().__init__(target=_work, args=(items, link), name="pydl-prefetch", daemon=True)
        self.link = link


def wanted() -> bool:
    """Whether anybody still waits for what the running thread reads: to be asked between the parts of a long item."""
    thread = current_thread()
    return not (isinstance(thread, _Reader) and thread.link.stopped)


def ahead(items: Iterator[T], depth: int = 2) -> Generator[T]:
    """The items of an iterator, made by a thread of their own up to `depth` items early.

    The thread starts with the first item that is asked for. It ends with the iterator: when that is exhausted, closed
    or garbage, or when an exception (Ctrl-C included) leaves the loop over it. An exception of the iterator is raised
    where its item would have come.

    Raises
    ------
    RuntimeError
        In a process that was forked off in the middle of the iteration, where the thread does not exist.
    """
    link = _Link(depth)
    thread = _Reader(items, link)
    del items  # the thread's alone from now on
    thread.start()
    try:
        while True:
            if not thread.is_alive() and link.ready.empty():
                raise RuntimeError("batches: this iterator belongs to the process that was forked; start a new one")
            going, item = link.ready.get()
            if not going:
                if item is not None:
                    raise item
                return
            yield item
            del item
            link.room.release()
    finally:
        link.stopped = True
        link.room.release()
        if thread is not current_thread():  # a collection of garbage may happen anywhere
            thread.join(_PATIENCE)


def _work(items: Iterator[Any], link: _Link) -> None:
    error: BaseException | None = None
    try:
        while True:
            link.room.acquire()
            if link.stopped:
                break
            try:
                item = next(items)
            except StopIteration:
                break
            link.ready.put((True, item))
            del item
    except BaseException as raised:  # raised again on the other side
        error = raised
    close = getattr(items, "close", None)
    if close is not None and error is None:
        try:
            close()  # here, where it ran: files are closed by the thread that read them
        except BaseException as raised:
            error = raised
    link.ready.put((False, error))
