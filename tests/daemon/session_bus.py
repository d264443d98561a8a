"""A session bus of a test's own, and a notification server on it that notes what it is asked to show."""

# ruff: noqa: F821, F722, UP037, RUF100 - dbus-fast reads annotations as signatures
# mypy: ignore-errors

import asyncio
import contextlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal


@contextlib.contextmanager
def session_bus() -> Iterator[str]:
    """Its address."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed; make test installs it as root on Debian")
    process = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@dataclass
class Shown:
    """title, text, urgency: 2 is critical."""

    title: str
    text: str
    urgency: int
    timeout: int


@dataclass
class NotificationServer:
    """`with NotificationServer(address) as server`: what it was asked to show is in `shown`."""

    address: str
    shown: list[Shown] = field(default_factory=list)

    def __enter__(self) -> "NotificationServer":
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "the notification server is on its bus"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        bus = await MessageBus(bus_address=self.address).connect()
        bus.export("/org/freedesktop/Notifications", _Notifications(self.shown))
        await bus.request_name("org.freedesktop.Notifications")
        self._ready.set()
        await self._end.wait()
        bus.disconnect()
        await bus.wait_for_disconnect()


class _Notifications(ServiceInterface):
    """The part of org.freedesktop.Notifications that is used. Annotations are D-Bus signatures."""

    def __init__(self, shown: list[Shown]) -> None:
        super().__init__("org.freedesktop.Notifications")
        self._shown = shown

    @dbus_method(name="Notify")
    def notify(
        self, name: "s", replaces: "u", icon: "s", title: "s", text: "s", actions: "as", hints: "a{sv}", timeout: "i"
    ) -> "u":
        self._shown.append(Shown(title, text, hints["urgency"].value, timeout))
        return len(self._shown)

    @dbus_method(name="GetCapabilities")
    def capabilities(self) -> "as":
        return ["body", "actions"]

    @dbus_method(name="GetServerInformation")
    def information(self) -> "ssss":
        return ["test", "obs-portrait", "1", "1.2"]

    @dbus_signal(name="NotificationClosed")
    def closed(self) -> "uu":
        return [1, 1]
