"""A panel of the newer kind, as KDE's or GNOME's extension is: collects StatusNotifierItems and chooses in their menus.

The menu travels over D-Bus (com.canonical.dbusmenu), so it is read and chosen from without a mouse.
"""

# ruff: noqa: F821, F722, UP037, RUF100 - dbus-fast reads annotations as signatures
# mypy: ignore-errors

import asyncio
import threading

from dbus_fast import Message, MessageType, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

NAME = "org.kde.StatusNotifierWatcher"


class _Watcher(ServiceInterface):
    def __init__(self, items: list[str]) -> None:
        super().__init__(NAME)
        self._items = items

    @dbus_method(name="RegisterStatusNotifierItem")
    def register(self, service: "s"):
        self._items.append(service)

    @dbus_property(name="IsStatusNotifierHostRegistered", access=PropertyAccess.READ)
    def host(self) -> "b":
        return True

    @dbus_property(name="RegisteredStatusNotifierItems", access=PropertyAccess.READ)
    def registered(self) -> "as":
        return self._items

    @dbus_property(name="ProtocolVersion", access=PropertyAccess.READ)
    def version(self) -> "i":
        return 0


class SniPanel:
    """`with SniPanel(address) as panel`. `items`: the object paths that registered."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.items: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "SniPanel":
        self._thread.start()
        self._ask(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._ask(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _ask(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus.export("/StatusNotifierWatcher", _Watcher(self.items))
        await self._bus.request_name(NAME)

    async def _close(self) -> None:
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()

    async def _call(self, service: str, path: str, interface: str, member: str, signature: str = "", body=()):
        reply = await self._bus.call(Message(service, path, interface, member, signature=signature, body=list(body)))
        assert reply.message_type is MessageType.METHOD_RETURN, reply.body
        return reply.body

    async def _owner(self) -> str:
        """The connection of the item: libayatana registers a path, its sender is who has that path."""
        (names,) = await self._call(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames"
        )
        for name in names:
            if name.startswith(":") and name != self._bus.unique_name:
                try:
                    await self._property(name, "Id")
                except AssertionError:
                    continue
                return name
        raise LookupError("nobody has the item")

    async def _property(self, service: str, name: str):
        (value,) = await self._call(
            service,
            self.items[-1],
            "org.freedesktop.DBus.Properties",
            "Get",
            "ss",
            ["org.kde.StatusNotifierItem", name],
        )
        return value.value

    def icon_file(self) -> str:
        """The path of the picture that the item wants shown."""

        async def look():
            return await self._property(await self._owner(), "IconName")

        return self._ask(look())

    def labels(self) -> dict[str, int]:
        """What the menu offers: text -> number, submenus included, as the panel is told to draw it."""
        return self._ask(self._layout())

    async def _layout(self) -> dict[str, int]:
        owner = await self._owner()
        menu = await self._property(owner, "Menu")
        _, root = await self._call(owner, menu, "com.canonical.dbusmenu", "GetLayout", "iias", [0, -1, ["label"]])
        found: dict[str, int] = {}

        def walk(node) -> None:
            number, properties, children = node
            if "label" in properties:
                found[properties["label"].value] = number
            for child in children:
                walk(child.value)

        walk(root)
        return found

    def choose(self, label: str) -> None:
        """As a click on it."""

        async def click() -> None:
            owner = await self._owner()
            menu = await self._property(owner, "Menu")
            number = (await self._layout())[label]
            await self._call(
                owner, menu, "com.canonical.dbusmenu", "Event", "isvu", [number, "clicked", Variant("i", 0), 0]
            )

        self._ask(click())
