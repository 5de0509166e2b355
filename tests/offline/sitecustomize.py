"""Put on PYTHONPATH while the notebooks are tested: a connection that leaves this computer is refused at once."""

import socket

_connect, _getaddrinfo = socket.socket.connect, socket.getaddrinfo
LOCAL = ("127.", "::1", "localhost", "0.0.0.0")


def _refuse(host: object) -> None:
    if isinstance(host, str | bytes) and not str(host).startswith(LOCAL):
        raise OSError(f"The lecture needs no network, but something asked for {host!r}.")


def connect(self, address):
    if isinstance(address, tuple):  # not a Unix socket's path
        _refuse(address[0])
    return _connect(self, address)


def getaddrinfo(host, *arguments, **options):
    _refuse(host or "localhost")
    return _getaddrinfo(host, *arguments, **options)


socket.socket.connect, socket.getaddrinfo = connect, getaddrinfo  # type: ignore[method-assign,assignment]
