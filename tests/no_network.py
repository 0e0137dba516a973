"""Forbids connections that leave this machine; used in the tests and in the notebooks' kernels.

The embedded worlds must work without a network, and quickly: a library that merely asks a hub
first makes a reader without network wait for half a minute.
"""

import ipaddress
import socket


class NetworkForbidden(Exception):
    """Not an OSError, which libraries would catch and take for an ordinary lost connection."""


def is_local(host):
    """Whether a host name or address is this machine; None and "" are, as for bind."""
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def guard_connect(real):
    """A socket's connect (or connect_ex) that refuses addresses elsewhere."""

    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
            raise NetworkForbidden(f"a connection to {address[0]} was tried")
        return real(self, address)

    return connect


def guard_lookup(real):
    """A getaddrinfo that refuses names of other machines."""

    def getaddrinfo(host, *args, **kwargs):
        if not is_local(host):
            raise NetworkForbidden(f"a look-up of {host!r} was tried")
        return real(host, *args, **kwargs)

    return getaddrinfo


# What to replace where, by what.
GUARDS = (
    (socket.socket, "connect", guard_connect),
    (socket.socket, "connect_ex", guard_connect),
    (socket, "getaddrinfo", guard_lookup),
)


def forbid():
    """Forbid for the rest of this process."""
    for owner, name, guard in GUARDS:
        setattr(owner, name, guard(getattr(owner, name)))
