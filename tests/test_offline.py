"""The guard that keeps the tests and the notebooks off the network really does."""

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from no_network import NetworkForbidden, is_local


def test_other_machines_are_out_of_reach():
    with socket.socket() as door, pytest.raises(NetworkForbidden, match="192.0.2.1"):
        door.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkForbidden, match="example.org"):
        urllib.request.urlopen("http://example.org", timeout=1)


def test_this_machine_is_within_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), timeout=5) as door:
            assert door.getpeername() == server.getsockname()


@pytest.mark.parametrize("host", ["::1", "127.0.0.5", b"localhost", None, ""])
def test_local_hosts(host):
    assert is_local(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.1.1", "8.8.8.8", "::2", "example.org"])
def test_other_hosts(host):
    assert not is_local(host)


def test_kernels_of_notebooks_have_the_guard():
    startup = Path(os.environ["IPYTHONDIR"], "profile_default", "startup", "00-no-network.py")
    code = startup.read_text() + "import socket\nsocket.getaddrinfo('example.org', 80)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "NetworkForbidden: a look-up of 'example.org' was tried" in done.stderr


def test_hub_libraries_are_told():
    assert os.environ["HF_HUB_OFFLINE"] == "1"
